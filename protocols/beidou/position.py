"""Position report inside a message: A0 and twelve bytes of bit fields (reference/beidou.md section 3.7, one source)."""

from dataclasses import dataclass
from typing import Any, Self

from protocols.beidou.bincodec import check_int, sign_magnitude, to_sign_magnitude
from protocols.beidou.codec import CLOCK_HUNDREDTHS
from protocols.beidou.errors import FrameError

POSITION_LEAD = b"\xa0"
POSITION_BYTES = 13
_WIDTHS = (8, 5, 6, 6, 7, 8, 6, 6, 4, 6, 6, 6, 4, 2, 24)
"""Bits: lead, hour, minute, second, 1/100 s, longitude degree minute second 0.1 s, latitude likewise, type, heights."""


def dms_to_degrees(degrees: int, minutes: int, seconds: int, tenths: int, *, degrees_max: int) -> float:
    """Return decimal degrees; raise FrameError for minutes or seconds that are none."""
    if degrees > degrees_max or minutes > 59 or seconds > 59 or tenths > 9:
        raise FrameError("bad field", f"found {degrees}° {minutes}' {seconds}.{tenths}\", at most {degrees_max}°")
    return (degrees * 36_000 + minutes * 600 + seconds * 10 + tenths) / 36_000


def degrees_to_dms(degrees: Any, degrees_max: int) -> tuple[int, int, int, int]:
    """Return degrees, minutes, seconds and tenths; the wire has no sign."""
    if isinstance(degrees, bool) or not isinstance(degrees, int | float) or not 0 <= degrees <= degrees_max:
        raise FrameError("bad field", f"found {degrees!r}, 0 to {degrees_max} degrees can be written here")
    tenths = round(degrees * 36_000)
    return tenths // 36_000, tenths // 600 % 60, tenths // 10 % 60, tenths % 10


@dataclass(frozen=True, slots=True)
class PositionReport:
    """Where and when: ``utc`` ``hh:mm:ss.ss``, degrees east and north, height in metres.

    ``height_type`` 0 normal: height and anomaly; 1 high: height only, up to 2^24 m.
    """

    utc: str
    lon: float
    lat: float
    height_m: int
    anomaly_m: int = 0
    height_type: int = 0

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read 13 bytes starting with A0; raise FrameError."""
        if len(data) != POSITION_BYTES or data[:1] != POSITION_LEAD:
            raise FrameError("bad position", f"found {len(data)} bytes, a position report is A0 and 12 more")
        number = int.from_bytes(data)
        parts = []
        for width in reversed(_WIDTHS):
            parts.append(number & ((1 << width) - 1))
            number >>= width
        parts.reverse()
        hour, minute, second, hundredths = parts[1:5]
        lon, lat = parts[5:9], parts[9:13]
        height_type, heights = parts[13:]
        utc = f"{hour:02d}:{minute:02d}:{second:02d}.{hundredths:02d}"
        CLOCK_HUNDREDTHS.build(utc)
        high = height_type == 1
        return cls(
            utc=utc,
            lon=dms_to_degrees(lon[0], lon[1], lon[2], lon[3], degrees_max=180),
            lat=dms_to_degrees(lat[0], lat[1], lat[2], lat[3], degrees_max=90),
            height_m=heights if high else sign_magnitude(heights >> 9, 14),
            anomaly_m=0 if high else sign_magnitude(heights & 0x1FF, 8),
            height_type=height_type,
        )

    def to_bytes(self) -> bytes:
        """Return the 13 bytes; raise FrameError."""
        clock = CLOCK_HUNDREDTHS.build(self.utc).replace(".", "")
        if self.height_type == 1:
            heights = check_int(self.height_m, 0, (1 << 24) - 1)
        else:
            heights = to_sign_magnitude(self.height_m, 14) << 9 | to_sign_magnitude(self.anomaly_m, 8)
        values = (
            POSITION_LEAD[0],
            *(int(clock[at : at + 2]) for at in range(0, 8, 2)),
            *degrees_to_dms(self.lon, 180),
            *degrees_to_dms(self.lat, 90),
            check_int(self.height_type, 0, 3),
            heights,
        )
        number = 0
        for width, value in zip(_WIDTHS, values, strict=True):
            number = number << width | value
        return number.to_bytes(POSITION_BYTES)

    def to_fields(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {name: getattr(self, name) for name in self.__slots__}
