"""Position sentences of NMEA 0183, read by pynmea2, which is imported only here."""

import math
from dataclasses import dataclass
from typing import Any

import pynmea2

from protocols.beidou.errors import FrameError


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
    try:
        sentence = pynmea2.parse(raw.decode("ascii").strip(), check=True)
        kind = getattr(sentence, "sentence_type", "")
        if kind not in ("GGA", "RMC", "GLL") or not sentence.lat or not sentence.lon:
            return None
        lat, lon = float(sentence.latitude), float(sentence.longitude)
        height_m = _height(sentence) if kind == "GGA" else None
        valid = int(sentence.gps_qual or 0) > 0 if kind == "GGA" else sentence.status == "A"
        moment = sentence.timestamp
    except (pynmea2.ParseError, ArithmeticError, AttributeError, TypeError, UnicodeDecodeError, ValueError) as error:
        raise FrameError("bad position", f"NMEA sentence {raw[:20]!r}: {error}") from None
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise FrameError("bad position", f"NMEA sentence {raw[:6]!r}: {lat}, {lon} is not on Earth")
    # pynmea2 leaves a time that is none as the text it was.
    return NmeaFix(
        lat, lon, height_m, valid, None if moment is None or isinstance(moment, str) else f"{moment:%H:%M:%S}"
    )


def _height(sentence: Any) -> float | None:
    height_m = math.nan if sentence.altitude in (None, "") else float(sentence.altitude)
    return height_m if math.isfinite(height_m) else None
