"""What every simulated terminal does, whatever its protocol: power, cable, slot, refusals, periodic outputs, faults.

A terminal is sans-stream: ``attach`` gives it somewhere to write, ``receive`` gives it what the host wrote. Subclasses
(terminal_21, terminal_40, terminal_3) turn commands into the methods here and what happens here into their wire form.

The cable is also the power supply, as on a USB module: ``unplug`` switches the terminal off, ``plug`` boots it. Booting
forgets outputs, silence and the slot; a host that trusts the terminal to keep the card's slot over a power cycle will
be caught by ``SkyCounters.early``.

Not simulated: the RF (a burst either leaves or is refused), batteries, passwords and encryption keys, zero values and
two-way timing, positions computed by the centre for others (CCWBA), changing the rate by command (CKSC), messages kept
in the terminal while nobody reads, and receiving while transmitting, which some terminals miss.
"""

from __future__ import annotations

import abc
import asyncio
import math
import random
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, ClassVar

from drivers.virtual.sky import Arrival, Burst, ReceiptList
from protocols.beidou.capacity import Generation, capacity_bits, payload_bits
from protocols.beidou.errors import FrameError
from protocols.beidou.neutral import USABLE_LEVEL, Answer
from protocols.beidou.reader import BeidouReader, FreeText, NmeaSentence, Reject, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from drivers.virtual.sky import Sky
    from gateway.link import Fix
    from protocols.beidou.frame40 import Frame40
    from protocols.beidou.payload import Payload
    from protocols.beidou.sentence import Sentence

ANSWER_S = 0.05
"""From a command to the answer, and from a send command to the beginning of the burst."""
BURST_S = 0.5
"""Length of a burst; the feedback comes at its end."""
BOOT_S = 1.0
"""From power to the first answer (1-3 s in [ESP])."""
COMMANDS_WAITING_MAX = 256
"""Commands a terminal keeps; a host that sends faster loses them."""
OUTPUT_PERIOD_S_MIN = 0.1
"""Fastest periodic output."""


class SimulatedTerminal(abc.ABC):
    """One terminal with one card under one sky; see the module's text."""

    PROTOCOL: ClassVar[str]
    GENERATION: ClassVar[Generation]
    LEVEL: ClassVar[int] = 3
    """Communication level of a card when none is given."""

    def __init__(
        self,
        sky: Sky,
        card: int,
        *,
        level: int | None = None,
        frequency_s: float = 60.0,
        encrypted: bool = False,
        broadcast: int = 0,
        command: bool = False,
        subordinates: Collection[int] = (),
        position: Fix | None = None,
        baud: int = 115_200,
    ) -> None:
        self.sky = sky
        self.card = card
        self.level = self.LEVEL if level is None else level
        self.frequency_s = self.service_frequency(frequency_s)
        self.encrypted = encrypted
        self.broadcast = broadcast
        self.commands = command
        self.subordinates = subordinates
        self.position = position
        self.baud = baud
        self.has_card = True
        self.inhibited = False
        self.silent = False
        self.counters: Counter[str] = Counter()
        """``sent``, ``received``, ``refused: <why>`` and what the host wrote that was not understood."""
        self._noise = random.Random(card)
        self._write: Callable[[bytes], None] | None = None
        self._on_unplug: Callable[[], None] | None = None
        self._plugged = True
        self._hung = False
        self._ready_s = 0.0
        self._slot_s = 0.0
        self._doubled = self._feedback_dropped = False
        self._reader = BeidouReader()
        self._waiting: deque[Sentence | Frame40] = deque(maxlen=COMMANDS_WAITING_MAX)
        self._timers: set[asyncio.TimerHandle] = set()
        self._outputs: dict[str, asyncio.TimerHandle] = {}
        sky.register(self)
        self._begin_outputs()

    # -- what a protocol adds

    @staticmethod
    def service_frequency(frequency_s: float) -> float:
        """Return a service frequency as the card information can say it."""
        return frequency_s

    @abc.abstractmethod
    def obey(self, command: Sentence | Frame40) -> None:
        """Do what the host asks; ignore commands of other protocols."""

    @abc.abstractmethod
    def arrival_wires(self, arrival: Arrival) -> list[bytes]:
        """Return what the host is shown of an arrival; raise FrameError for what this protocol cannot show."""

    @abc.abstractmethod
    def receipt_wires(self, receipts: ReceiptList) -> list[bytes]:
        """Return what the host is shown of an answer to a receipt query."""

    @abc.abstractmethod
    def feedback_wire(self, command: str, answer: Answer, wait_s: int) -> bytes:
        """Return the feedback to a command that wants to transmit."""

    def _begin_outputs(self) -> None:  # noqa: B027 - most protocols send nothing unasked
        """Start what the terminal sends unasked after power-up."""

    # -- the port

    def attach(self, write: Callable[[bytes], None], unplugged: Callable[[], None] | None = None) -> None:
        """Connect the host's side of the cable; ``unplugged`` is called when the plug is pulled."""
        self._write, self._on_unplug = write, unplugged

    def detach(self) -> None:
        """Disconnect the host's side; what the terminal says now nobody hears."""
        self._write = self._on_unplug = None

    @property
    def plugged(self) -> bool:
        """Tell whether the cable is in."""
        return self._plugged

    def receive(self, data: bytes) -> None:
        """Take what the host wrote, in any split."""
        if not self._awake():
            return
        for event in self._reader.feed(data):
            if isinstance(event, Reject):
                self.counters[event.reason] += 1
            elif isinstance(event, Unknown | NmeaSentence | FreeText):
                self.counters["unknown sentence"] += 1
            else:
                self._waiting.append(event)
                self.later(ANSWER_S, self._obey_next)

    def _obey_next(self) -> None:
        """Take the oldest command: timers of one moment may fire in any order, commands may not."""
        if self._waiting:
            self.obey(self._waiting.popleft())

    def say(self, wire: bytes) -> bool:
        """Write to the host; tell whether there was one."""
        if self._write is None or not self._awake():
            return False
        self._write(wire)
        return True

    def _awake(self) -> bool:
        return self._plugged and not self._hung and self.now_s() >= self._ready_s

    # -- time

    @staticmethod
    def now_s() -> float:
        """Return the loop's time."""
        return asyncio.get_running_loop().time()

    def later(self, delay_s: float, do: Callable[..., Any], *args: Any) -> None:
        """Do something after ``delay_s`` unless power goes before; a hung terminal lets it pass undone."""

        def fire() -> None:
            self._timers.discard(timer)
            if not self._hung:
                do(*args)

        timer = asyncio.get_running_loop().call_later(delay_s, fire)
        self._timers.add(timer)

    def output(self, name: str, period_s: float, make: Callable[[], bytes]) -> None:
        """Say ``make()`` every ``period_s`` from now on, or once for 0."""
        self.stop_output(name)
        self.say(make())
        if period_s > 0:
            self._schedule(name, max(period_s, OUTPUT_PERIOD_S_MIN), make)

    def _schedule(self, name: str, period_s: float, make: Callable[[], bytes]) -> None:
        def tick() -> None:
            self._schedule(name, period_s, make)
            self.say(make())

        self._outputs[name] = asyncio.get_running_loop().call_later(period_s, tick)

    def stop_output(self, name: str | None = None) -> None:
        """Stop one periodic output, or all."""
        for each in [name] if name is not None else list(self._outputs):
            timer = self._outputs.pop(each, None)
            if timer is not None:
                timer.cancel()

    # -- the air

    def beams(self) -> tuple[int, ...]:
        """Return the power of the ten beams; all dark without power of our own to see them."""
        return self.sky.beams(self.card)

    def barrier(self, payload: Payload | None, *, urgent: bool) -> Answer | None:
        """Return why a real terminal would refuse to transmit now, or None."""
        reasons = (
            (not self.has_card, Answer.NO_CARD),
            (self.silent, Answer.SILENT),
            (self.inhibited, Answer.INHIBITED),
            (max(self.beams()) < USABLE_LEVEL, Answer.NO_LOCK),
            (payload is not None and not self._fits(payload, urgent=urgent), Answer.FAILED),
            (self.now_s() < self._slot_s, Answer.EARLY),
        )
        return next((answer for holds, answer in reasons if holds), None)

    def _fits(self, payload: Payload, *, urgent: bool) -> bool:
        limit = capacity_bits(self.GENERATION, self.level, encrypted=self.encrypted, urgent=urgent)
        return not payload.error and payload_bits(payload, self.GENERATION) <= limit

    def attempt(
        self,
        command: str,
        leave: Callable[[], None],
        payload: Payload | None = None,
        *,
        urgent: bool = False,
    ) -> None:
        """Let a burst leave if the terminal would, and give the feedback."""
        answer = self.barrier(payload, urgent=urgent)
        if answer is None:
            self._slot_s = self.now_s() + BURST_S + self.frequency_s
            self.later(BURST_S, self._leave, command, leave)
            return
        self.counters[f"refused: {answer}"] += 1
        wait_s = math.ceil(self._slot_s - self.now_s()) if answer is Answer.EARLY else 0
        self._give_feedback(command, answer, wait_s)

    def attempt_message(self, command: str, receiver: int, payload: Payload, *, urgent: bool) -> None:
        """Let a message leave if the terminal would, and give the feedback."""
        burst = Burst(self.card, receiver, payload, urgent=urgent)
        self.attempt(command, lambda: self.sky.transmit(burst), payload, urgent=urgent)

    def attempt_fix(self, command: str) -> None:
        """Ask the centre for a position; it answers only when the terminal is somewhere."""
        position = self.position
        self.attempt(command, lambda: None if position is None else self.sky.request_fix(self.card, position))

    def _leave(self, command: str, leave: Callable[[], None]) -> None:
        self.counters["sent"] += 1
        leave()
        self._give_feedback(command, Answer.SENT, math.ceil(self.frequency_s))

    def _give_feedback(self, command: str, answer: Answer, wait_s: int) -> None:
        if self._feedback_dropped:
            self._feedback_dropped = False
            return
        self.say(self.feedback_wire(command, answer, wait_s))

    def arrive(self, arrival: Arrival | ReceiptList) -> bool:
        """Show the host what came down; False when the terminal is off or hung, has no card, or nobody is there."""
        if not self.has_card or self._write is None or not self._awake():
            return False
        try:
            wires = self.receipt_wires(arrival) if isinstance(arrival, ReceiptList) else self.arrival_wires(arrival)
        except FrameError:
            self.counters["cannot show"] += 1
            return False
        for wire in wires * (2 if self._doubled else 1):
            self.say(wire)
        self._doubled = False
        self.counters["received"] += 1
        return True

    def is_mine(self, arrival: Arrival) -> bool:
        """Tell an arrival for this terminal from a copy of its subordinates' traffic."""
        return arrival.receiver == self.card or (arrival.receiver == self.broadcast and not self.commands)

    # -- faults

    def power_cycle(self) -> None:
        """Take the power away and give it back: everything but the card is forgotten."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.stop_output()
        self._waiting.clear()
        self._reader = BeidouReader()
        self._hung = self.silent = False
        self._slot_s = 0.0
        self._ready_s = self.now_s() + BOOT_S
        self._begin_outputs()

    def unplug(self) -> None:
        """Pull the cable, and the power with it."""
        if self._plugged:
            self._plugged = False
            if self._on_unplug is not None:
                self._on_unplug()

    def plug(self) -> None:
        """Put the cable back in; the terminal boots."""
        if not self._plugged:
            self._plugged = True
            self.power_cycle()

    def hang(self) -> None:
        """Neither answer nor send, without any other sign; what was asked and not begun is forgotten."""
        self._hung = True
        self._waiting.clear()

    def resume(self) -> None:
        """End the hang; what was asked meanwhile is lost."""
        self._hung = False

    def stop_status(self) -> None:
        """Cease all periodic output until asked again, as some terminals do after a brown-out."""
        self.stop_output()

    def garbage(self, count: int) -> None:
        """Say ``count`` bytes of noise."""
        self.say(self._noise.randbytes(count))

    def duplicate_next(self) -> None:
        """Show the next arrival twice."""
        self._doubled = True

    def drop_feedback_next(self) -> None:
        """Keep the next feedback back; the burst leaves all the same."""
        self._feedback_dropped = True


def garbled(data: bytes, noise: random.Random) -> bytes:
    """Return what a wrong rate makes of ``data``: noise of about the same length."""
    return noise.randbytes(len(data))
