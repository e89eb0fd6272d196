"""Channels for tests whose future is written down cell by cell."""

import math
from dataclasses import dataclass


@dataclass
class FakeChannel:
    """In cell n a frame takes ``delays[n]`` seconds; None: it is lost; "down": it cannot start. The last cell lasts."""

    delays: tuple = (1.0,)
    cell_s: float = 10.0
    slot_s: float = 1.0
    frame_bytes: int = 100
    airtime_s_per_frame: float = 0.5
    price_per_frame: float = 0.0
    bearer: str = "fake"

    def _cell(self, at_s):
        return min(math.floor(at_s / self.cell_s), len(self.delays) - 1)

    def arrival_s(self, at_s, size_bytes):
        delay_s = self.delays[self._cell(at_s)]
        return None if delay_s in (None, "down") or size_bytes > self.frame_bytes else at_s + delay_s

    def next_opening_s(self, at_s):
        while self.delays[self._cell(at_s)] == "down":
            at_s = self.next_chance_s(at_s)
            if at_s == math.inf:
                break
        return at_s

    def next_chance_s(self, at_s):
        cell = self._cell(at_s) + 1
        return cell * self.cell_s if cell < len(self.delays) else math.inf
