"""The watchdog is fed by progress, not by a timer: the loop, the store and every link's worker must have moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS_MAX = 256


class Progress:
    """Notes when each part last moved, on the loop's clock."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._beats: dict[str, tuple[float, float]] = {}

    def expect(self, part: str, within_s: float) -> None:
        """Declare that ``part`` beats at least every ``within_s`` seconds from now on."""
        assert part in self._beats or len(self._beats) < PARTS_MAX, f"more than {PARTS_MAX} parts"
        self._beats[part] = (self._now_s(), within_s)

    def beat(self, part: str) -> None:
        """Note that ``part`` moved."""
        _, within_s = self._beats[part]
        self._beats[part] = (self._now_s(), within_s)

    def forget(self, part: str) -> None:
        """Stop expecting ``part``; it has ended in an orderly way."""
        self._beats.pop(part, None)

    def stuck(self) -> list[str]:
        """Return the parts that have not moved for longer than they said, with their age in words."""
        now_s = self._now_s()
        return [
            f"{part} ({now_s - beat_s:.0f} s, at most {within_s:.0f})"
            for part, (beat_s, within_s) in sorted(self._beats.items())
            if now_s - beat_s > within_s
        ]
