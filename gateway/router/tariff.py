"""What sending costs: frames, bytes, seconds of airtime and money of one transmission. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

BYTES_PER_KILOBYTE = 1000


@dataclass(frozen=True, slots=True)
class Spend:
    """What one transmission takes out of a budget, or what a budget has already given."""

    messages: float = 0.0
    bytes: float = 0.0
    airtime_s: float = 0.0
    money: float = 0.0

    def __add__(self, other: Spend) -> Spend:
        return Spend(
            self.messages + other.messages,
            self.bytes + other.bytes,
            self.airtime_s + other.airtime_s,
            self.money + other.money,
        )

    def to_json(self) -> list[float]:
        """Return the four figures in a fixed order."""
        return [self.messages, self.bytes, self.airtime_s, self.money]


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a link charges. A new link is free and has no airtime worth counting."""

    price_per_frame: float = 0.0
    price_per_kilobyte: float = 0.0
    airtime_s_per_frame: float = 0.0
    bits_per_s: float = 0.0
    """Speed on the air, 0 where the airtime of a frame does not depend on its length."""

    def price(self, frames: int, size_bytes: int) -> float:
        """Return what so much costs, in the operator's currency."""
        return frames * self.price_per_frame + size_bytes / BYTES_PER_KILOBYTE * self.price_per_kilobyte

    def airtime_s(self, frames: int, size_bytes: int) -> float:
        """Return how long the air is taken."""
        speed = size_bytes * 8 / self.bits_per_s if self.bits_per_s > 0 else 0.0
        return frames * self.airtime_s_per_frame + speed

    def spend(self, frames: int, size_bytes: int) -> Spend:
        """Return what one transmission of so much takes out of a budget."""
        return Spend(1.0, float(size_bytes), self.airtime_s(frames, size_bytes), self.price(frames, size_bytes))


def frames_of(size_bytes: int | None, frame_bytes: int | None) -> int:
    """Return how many frames carry so many bytes; one where either is not known."""
    if not size_bytes or not frame_bytes:
        return 1
    return math.ceil(size_bytes / frame_bytes)
