"""Position sentences of NMEA 0183, read by pynmea2, which is imported only here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NmeaFix:
    """A position in degrees. ``utc`` ``hh:mm:ss`` or None; ``valid`` as the receiver says."""

    lat: float
    lon: float
    height_m: float | None
    valid: bool
    utc: str | None


def parse_fix(raw: bytes) -> NmeaFix | None:
    """Read GGA, RMC or GLL; None for other sentences and for no position; raise FrameError."""
    raise NotImplementedError
