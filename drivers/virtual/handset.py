"""A person with a plain Beidou handset: types Chinese, waits for the slot, reads what comes in."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.virtual.sky import Arrival, Burst, ReceiptList
from protocols.beidou.capacity import Generation, capacity_bits, check_capacity
from protocols.beidou.payload import Payload

if TYPE_CHECKING:
    from collections.abc import Collection

    from drivers.virtual.sky import Sky
    from gateway.link import Fix

TYPED_MAX = 1000
"""Texts that wait for the handset's slot; a person who types more is told so."""
INBOX_MAX = 100_000
"""Texts a simulated handset keeps; real ones keep a few hundred."""
SIGNAL_RETRY_S = 5.0
"""How often the person looks whether the signal is back."""
READS_AND_ANSWERS_S = 10.0
"""How long the person takes to read an order and type its number."""
_ORDER = re.compile(r"(?:令|Order )(\d+)")


@dataclass(frozen=True, slots=True)
class Received:
    """One text on the handset's screen. ``at_s`` is the sky's clock."""

    at_s: float
    sender: int
    text: str


class Handset:
    """One handset with its card; it sends when slot and signal allow, in the order typed."""

    broadcast: int
    commands = False
    subordinates: Collection[int] = ()

    def __init__(
        self,
        sky: Sky,
        card: int,
        *,
        level: int = 3,
        frequency_s: float = 60.0,
        broadcast: int = 0,
        auto_answer: bool = False,
        answer_after_s: float = READS_AND_ANSWERS_S,
    ) -> None:
        self.sky = sky
        self.card = card
        self.frequency_s = frequency_s
        self.broadcast = broadcast
        self.auto_answer = auto_answer
        """Answer an order (``令1024:…``) with ``收到 1024``; nothing else is answered."""
        self.answer_after_s = answer_after_s
        self.inbox: deque[Received] = deque(maxlen=INBOX_MAX)
        self.sent = 0
        self._bits_max = capacity_bits(Generation.BD2, level)
        self._typed: deque[Burst] = deque()
        self._slot_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()
        sky.register(self)

    @property
    def waiting(self) -> int:
        """Return how many typed texts have not left."""
        return len(self._typed)

    def type_text(self, text: str, to: int, position: Fix | None = None) -> None:
        """Type a text and press send; with a position, a position report follows in the next slot.

        An empty text sends the position alone. Raise FrameError for a text over the card's capacity, which a handset
        refuses on its screen.
        """
        if text:
            payload = Payload.of_text(text)
            check_capacity(payload, Generation.BD2, self._bits_max)
            self._queue(Burst(self.card, to, payload))
        if position is not None:
            self._queue(Burst(self.card, to, fix=position))

    def _queue(self, burst: Burst) -> None:
        assert len(self._typed) < TYPED_MAX, f"handset {self.card}: {TYPED_MAX} texts wait for their slot"
        self._typed.append(burst)
        if self._timer is None:
            self._press()

    def _press(self) -> None:
        """Send the oldest text if slot and signal allow, and come back when they may."""
        loop = asyncio.get_running_loop()
        self._timer = None
        if not self._typed:
            return
        wait_s = self._slot_s - loop.time()
        if wait_s <= 0 and self.sky.dark(self.card):
            wait_s = SIGNAL_RETRY_S
        if wait_s <= 0:
            self._slot_s = loop.time() + self.frequency_s
            self.sent += 1
            self.sky.transmit(self._typed.popleft())
            wait_s = self.frequency_s
        if self._typed:
            self._timer = loop.call_later(wait_s, self._press)

    def arrive(self, arrival: Arrival | ReceiptList) -> bool:
        """Show what came down."""
        if isinstance(arrival, ReceiptList) or arrival.payload is None:
            return True
        text = arrival.payload.code if arrival.payload.text is None else arrival.payload.text
        self.inbox.append(Received(self.sky.now_s(), arrival.sender, text))
        self._news.set()
        order = _ORDER.match(text)
        if self.auto_answer and order:
            asyncio.get_running_loop().call_later(
                self.answer_after_s, self.type_text, f"收到 {order[1]}", arrival.sender
            )
        return True

    async def wait_inbox(self, containing: str, after: int = 0) -> Received:
        """Return the first text from number ``after`` on that contains ``containing``; wait for it."""
        while True:
            for received in list(self.inbox)[after:]:
                if containing in received.text:
                    return received
            self._news.clear()
            await self._news.wait()
