"""One opening of the port, from the first byte to the last: identify, set up, keep alive, take what comes in.

The order at start is that of running code (reference/beidou.md section 6): card, outputs, ready. A terminal may go
silent after a brown-out and not resume its outputs; then it is set up again, then asked for its card, then given up.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from drivers.beidou.condition import Condition
from drivers.beidou.device import Device
from drivers.beidou.identify import Found, identify, nothing_found
from drivers.beidou.intake import fix_of
from drivers.beidou.tasks import until_one_ends
from gateway.link import LinkLost, LinkMisconfigured, LinkTransient
from protocols.beidou.capacity import data_bytes_max
from protocols.beidou.dialect import SiteOptions, answers_message, dialect_of
from protocols.beidou.errors import FrameError
from protocols.beidou.neutral import (
    CardInfo,
    Feedback,
    HeardMessage,
    HeardPosition,
    OwnPosition,
    Status,
    Subordinates,
)

if TYPE_CHECKING:
    from drivers.beidou.intake import Intake
    from drivers.beidou.settings import BeidouSettings
    from drivers.beidou.slot import SlotTimer
    from drivers.bytestream import Opener
    from gateway.link import LinkReport, LinkSink
    from protocols.beidou.dialect import Dialect
    from protocols.beidou.neutral import GeoFix, Neutral

ROUNDS = 2
"""Times all rates are tried: a terminal just plugged in misses the first questions."""
STATUS_PERIOD_S = 10
"""Signal reports are asked for this often: a lost signal is noticed within it."""
POSITION_PERIOD_S = 60
ANSWER_S = 5.0
"""A terminal that works answers a question within this, even while it transmits."""
NO_CARD_POLL_S = 10.0
MISSES_MAX = 3
"""Card queries in a row without an answer before a terminal is given up."""
LIST_PAUSE_S = 1.0
"""Further parts of a subordinate list that come unasked come within this."""
LIST_FRAMES_MAX = 128
"""Parts of a subordinate list asked for; 40 cards each, so as many as CARDS_LISTED_MAX."""
CARDS_LISTED_MAX = 5120
"""Subordinate cards remembered."""


T = TypeVar("T")


class Session:
    """One opening. ``serve`` runs it and it is never served again."""

    def __init__(
        self,
        settings: BeidouSettings,
        opener: Opener,
        slot: SlotTimer,
        intake: Intake,
        sink: LinkSink,
        *,
        last: Found | None,
    ) -> None:
        self.condition = Condition(silent=settings.silent, opening=f"opening {settings.url}")
        self.counters: Counter[str] = Counter()
        self.dialect: Dialect | None = None
        self.found = last
        """Rate and protocol that answered, this time or before: asked for first."""
        self.over = False
        self._settings = settings
        self._opener = opener
        self._slot = slot
        self._intake = intake
        self._sink = sink
        self._device: Device | None = None
        self._reported: LinkReport | None = None
        self._awaited: asyncio.Future[Feedback] | None = None
        self._unsettled = False
        self._ending: LinkLost | None = None
        self._sign_s = 0.0
        self._hold_timer: asyncio.TimerHandle | None = None

    async def serve(self) -> None:
        """Run until cancelled; raises LinkError when it cannot go on."""
        self.tell()
        stream = await self._opener(self._settings.url, self._settings.bauds[0])
        self._device = Device(stream, self._take, self._room, self.counters)
        try:
            await until_one_ends(self._device.pump(), self._live(self._device))
        finally:
            self.over = True
            if self._hold_timer is not None:
                self._hold_timer.cancel()
            if self._awaited is not None and not self._awaited.done():
                self._awaited.set_exception(LinkLost(f"{self._settings.url}: port closed"))
            await self._device.close()

    # -- opening

    async def _live(self, device: Device) -> None:
        bauds, protocols = self._settings.bauds, self._settings.protocols
        if self.found is not None:
            bauds = _first(self.found.baud, bauds)
            protocols = _first(self.found.info.protocol, protocols)
        found = await identify(device, bauds, protocols, ROUNDS, self._trying)
        if found is None:
            raise LinkTransient(f"{self._settings.url}: {nothing_found(device, bauds, protocols)}")
        self.found = found
        options = SiteOptions(self._settings.frequency_point, self._settings.level_bits)
        dialect = self.dialect = dialect_of(found.info.protocol, options)
        await self._take_up(await self._wait_for_card(device, dialect, found), found.baud)
        self._sign_s = asyncio.get_running_loop().time()
        await self._start_outputs(device, dialect)
        await self._list_subordinates(device, dialect)
        await self._watch(device, dialect)

    def _trying(self, baud: int, protocol: str) -> None:
        self.condition.opening = f"looking for a terminal: {protocol} at {baud} baud"
        self.tell()

    async def _wait_for_card(self, device: Device, dialect: Dialect, found: Found) -> CardInfo:
        """Return the card's information; with an empty slot, ask until there is a card."""
        info, misses = found.info, 0
        while info.card == 0:
            self.condition.opening, self.condition.card = "", info
            self.tell()
            await asyncio.sleep(NO_CARD_POLL_S)
            answer = await device.ask(dialect.card_query(), CardInfo, ANSWER_S)
            info, misses = (info, misses + 1) if answer is None else (answer, 0)
            if misses >= MISSES_MAX:
                raise LinkLost(f"{self._settings.url}: the terminal fell silent while it had no card; check its power")
        return info

    async def _take_up(self, info: CardInfo, baud: int) -> None:
        """Begin work with a card, unless it is the wrong one."""
        expected = self._settings.card
        self.condition.card, self.condition.baud = info, baud
        self._intake.know(info)
        if expected is not None and info.card != expected:
            raise LinkMisconfigured(
                f"{self._settings.url}: card {info.card} is in the slot, card {expected} is configured; "
                "change the card, or card = in the configuration"
            )
        await self._slot.load(info.card, info.frequency_s)
        self.condition.opening = ""
        self.tell()

    async def _start_outputs(self, device: Device, dialect: Dialect) -> Status | None:
        """Ask for periodic reports; return the first of the signal, None when none comes."""
        card = self._card().card
        await device.write(dialect.position_start(card, POSITION_PERIOD_S))
        return await device.ask(dialect.status_start(card, STATUS_PERIOD_S), Status, 1.5 * STATUS_PERIOD_S)

    # -- keeping alive

    async def _watch(self, device: Device, dialect: Dialect) -> None:
        """Wake a terminal that has stopped reporting; raise LinkLost for one that does not wake."""
        loop = asyncio.get_running_loop()
        while True:
            left_s = self._sign_s + self._settings.status_silence_s - loop.time()
            if left_s > 0:
                await asyncio.sleep(left_s)
                continue
            self.condition.opening = (
                f"no status for {self._settings.status_silence_s:.0f} s, setting the terminal up again"
            )
            self.tell()
            status = await self._start_outputs(device, dialect)
            await self._ask_whether_alive(device, dialect)  # and whether the card is still the same
            if status is None:
                self.condition.blind, self.condition.status = True, None
            self._sign_s = loop.time()
            self.condition.opening = ""
            self.counters["set up again"] += 1
            self.tell()

    async def _ask_whether_alive(self, device: Device, dialect: Dialect) -> None:
        for _ in range(MISSES_MAX):
            if await device.ask(dialect.card_query(), CardInfo, ANSWER_S) is not None:
                return
        raise LinkLost(
            f"{self._settings.url}: the terminal has fallen silent, no status and no answer to the card query; "
            "switch it off and on"
        )

    async def _list_subordinates(self, device: Device, dialect: Dialect) -> None:
        """Learn a command terminal's subordinates."""
        card, listed = self._card(), self.condition.listed
        for frame in range(1, LIST_FRAMES_MAX + 1 if card.command and card.subordinates else 1):
            before = len(listed)
            answer = await device.ask(dialect.subordinates_query(card.card, frame), Subordinates, ANSWER_S)
            if answer is None:
                break
            await asyncio.sleep(LIST_PAUSE_S)
            if len(listed) == before or len(listed) >= card.subordinates:
                break
        self.tell()

    # -- what comes in

    async def _room(self) -> None:
        """Hold the reading of the port back while the gateway's disk is slow; end the session when the card has gone."""
        if self._ending is not None:
            raise self._ending
        await self._intake.room()

    def _take(self, value: Neutral) -> None:
        """Take one value, in the order of the wire."""
        match value:
            case Status():
                self._take_status(value)
            case Feedback():
                self._take_feedback(value)
            case HeardPosition(card=own) if self.condition.card is not None and own == self.condition.card.card:
                self._take_position(value.fix)
            case HeardMessage() | HeardPosition():
                self._intake.take(value)
            case CardInfo():
                self._take_card(value)
            case OwnPosition():
                self._take_position(value.fix)
            case Subordinates():
                self._take_subordinates(value)

    def _take_status(self, status: Status) -> None:
        self._sign_s = asyncio.get_running_loop().time()
        self.condition.take_status(status)
        self.tell(with_counters=True)

    def _take_position(self, fix: GeoFix) -> None:
        self.condition.position = fix_of(fix)
        self.tell()

    def _take_feedback(self, feedback: Feedback) -> None:
        """Give a feedback to the message that waits for it; one that comes too late belongs to nobody."""
        if self.dialect is None or not answers_message(self.dialect, feedback):
            return
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(feedback)
        else:
            self._unsettled = False
            self.counters["late feedback"] += 1

    def _take_card(self, info: CardInfo) -> None:
        """Notice that the card was changed or taken out while the terminal was on."""
        known = self.condition.card
        if known is None or known.card == 0 or info.protocol != known.protocol:
            return
        if info.card == known.card:
            self.condition.card = info
            self._slot.follow(info.frequency_s)
            return
        found = f"card {info.card}" if info.card else "no card"
        self._ending = LinkLost(f"{self._settings.url}: card {known.card} was in the slot, now {found}; opening again")

    def _take_subordinates(self, part: Subordinates) -> None:
        room = CARDS_LISTED_MAX - len(self.condition.listed)
        self.condition.listed.update(part.cards[: max(room, 0)])

    # -- sending

    async def settle(self) -> bool:
        """Make sure that a feedback still owed cannot be mistaken for the next one; False when the terminal is silent.

        Terminals work off their input in order: once it answers a question asked now, what it owed has come or will
        never come.
        """
        if not self._unsettled:
            return True
        assert self._device is not None
        assert self.dialect is not None
        if await self._device.ask(self.dialect.card_query(), CardInfo, ANSWER_S) is None:
            return False
        self._unsettled = False
        return True

    async def transmit(self, wire: bytes, within_s: float) -> Feedback | None:
        """Hand a message over and return its feedback, None when none comes in time; raises LinkLost."""
        assert self._device is not None
        assert self._awaited is None, "one send at a time"
        self._awaited = asyncio.get_running_loop().create_future()
        self._unsettled = True
        try:
            async with asyncio.timeout(within_s):
                await self._device.write(wire)
                feedback = await self._awaited
        except TimeoutError:
            return None
        finally:
            self._awaited = None
        self._unsettled = False
        return feedback

    def hold(self, reason: str, for_s: float) -> float:
        """Take it that nothing can be sent for ``for_s``; return until when."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + for_s
        self.condition.hold(reason, until_s)
        if self._hold_timer is not None:
            self._hold_timer.cancel()
        self._hold_timer = loop.call_at(until_s, self.tell)
        return until_s

    async def look_for_card(self) -> None:
        """Ask for the card, as the terminal says that it misses it; an empty slot ends the session."""
        assert self._device is not None
        assert self.dialect is not None
        await self._device.ask(self.dialect.card_query(), CardInfo, ANSWER_S)

    # -- reporting

    def _card(self) -> CardInfo:
        assert self.condition.card is not None
        return self.condition.card

    def capacity(self) -> tuple[int | None, int | None]:
        """Return the bits of one text and the bytes of one data message, None while unknown."""
        card = self.condition.card
        if card is None or card.card == 0 or self.dialect is None:
            return None, None
        try:
            bits = self.dialect.capacity_bits(card)
        except FrameError:
            return None, None
        return bits, data_bytes_max(bits)

    def tell(self, *, with_counters: bool = False) -> None:
        """Report, if anything but counters has changed; new counters go out with the next signal report."""
        if self.over:
            return
        text_bits_max, data_max = self.capacity()
        counters = self._reported.counters if self._reported is not None and not with_counters else self.counters
        report = self.condition.report(
            asyncio.get_running_loop().time(),
            not_before_s=self._slot.not_before_s,
            text_bits_max=text_bits_max,
            data_bytes_max=data_max,
            counters=dict(counters),
        )
        if report != self._reported:
            self._reported = report
            self._sink.report(report)


def _first(wanted: T, among: tuple[T, ...]) -> tuple[T, ...]:
    """Return ``among`` with the wanted one in front, if it is there."""
    return tuple(sorted(among, key=lambda each: each != wanted))
