"""Receipts on the air: which records are stored here, what transfers still need, and who has what by now.

*Custody* is said for many records at once: the highest counter, how many in a row up to it are here, and a bitmap of those
below the row. A receipt may not count up from the first record of a session: lost fragments are never sent again under
their counters, and a sender that lost power leaves some unused, so such a count would stop for ever at the first gap.
*Delivered* and *answered* are said one by one. That one frame settles several windows is the idea of RFC 9441 (compound
ACK for SCHC); the layout is ours.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.content.errors import ContentError

if TYPE_CHECKING:
    from protocols.content.strand import Reader, Sink

COUNTER_BITS = 16
COUNTERS = 1 << COUNTER_BITS
SESSION_BITS = 16
RUN_MAX = 4096
"""Longest row that is said: the replay window."""

BITMAP_BITS_MAX = 32
NEEDS_MAX = 15
LEVELS_MAX = 63
GROUP_PEERS_MAX = 64

PLACES_MAX = 7
"""Messages of a batch that a receipt can tell apart."""

PLACE_STEP = 4096
NAMED_BACK_MAX = 2047
"""How far below the highest counter of a receipt a record may lie whose messages it names one by one."""

PEER_BITS, LOW_BITS, GROUP_BITMAP_BITS = 16, 8, 8


class Level(enum.IntEnum):
    """What is known of one message."""

    CUSTODY = 0
    DELIVERED = 1
    ANSWERED = 2
    REFUSED = 3
    EXPIRED = 4


@dataclass(frozen=True, slots=True)
class PeerReceipt:
    """One line of a group receipt: 4 bytes a peer."""

    peer: int
    """Air address, 16 bit."""
    highest: int
    """Low 8 bits of the highest counter that is here."""
    bitmap: int = 0
    """Bit n set: counter highest - 1 - n is here too."""

    def __post_init__(self) -> None:
        """Raise ContentError for a value that does not fit."""
        for value, bits in ((self.peer, PEER_BITS), (self.highest, LOW_BITS), (self.bitmap, GROUP_BITMAP_BITS)):
            if not 0 <= value < 1 << bits:
                raise ContentError(f"group receipt: found {value}, it has {bits} bit")


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt for one peer's records, or (``group``) for those of many."""

    highest: int | None = None
    """Low 16 bits of the highest counter that is stored here; None where only other parts are said."""
    run: int = 1
    """How many counters in a row, up to the highest, are stored."""
    bitmap: int = 0
    """Bit n set: counter highest - run - 1 - n is stored too (highest - run is not)."""
    session: int = 0
    """Low 16 bits of the salt of the session whose counters these are: a late receipt of an ended one settles nothing."""
    needs: tuple[tuple[int, int], ...] = ()
    """Open transfers: their number and how many more symbols complete them; 0 says that one is complete."""
    levels: tuple[tuple[int, Level], ...] = ()
    """Counters (16 bit) of records of which more is known than custody, or which the bitmap does not reach; or names of
    single messages of a batch, see `name_in_batch`."""
    group: tuple[PeerReceipt, ...] = ()

    def __post_init__(self) -> None:
        """Raise ContentError for a value that does not fit."""
        if not 1 <= self.run <= RUN_MAX:
            raise ContentError(f"receipt: found a run of {self.run}, it is 1 to {RUN_MAX}")
        if self.highest is None and (self.run, self.bitmap, self.session) != (1, 0, 0):
            raise ContentError("receipt: a run, bitmap or session without a highest counter says nothing")
        if any(not isinstance(level, Level) for _, level in self.levels):
            raise ContentError(f"receipt: a level is one of {', '.join(level.name for level in Level)}")
        if self.highest is not None and not 0 <= self.highest < 1 << COUNTER_BITS:
            raise ContentError(f"receipt: counter {self.highest} has more than {COUNTER_BITS} bit")
        if not 0 <= self.bitmap < 1 << BITMAP_BITS_MAX or not 0 <= self.session < 1 << SESSION_BITS:
            raise ContentError(f"receipt: a bitmap has at most {BITMAP_BITS_MAX} bit and a session {SESSION_BITS}")
        if len(self.needs) > NEEDS_MAX or len(self.levels) > LEVELS_MAX or len(self.group) > GROUP_PEERS_MAX:
            raise ContentError(f"receipt: at most {NEEDS_MAX} needs, {LEVELS_MAX} levels, {GROUP_PEERS_MAX} peers")
        if any(not (0 <= transfer < 256 and 0 <= need < 256) for transfer, need in self.needs):
            raise ContentError("receipt: a transfer and what it needs have 8 bit each")
        if any(not 0 <= counter < 1 << COUNTER_BITS for counter, _ in self.levels):
            raise ContentError(f"receipt: a counter has {COUNTER_BITS} bit")


def name_in_batch(counter: int, place: int, highest: int) -> int | None:
    """Return the 16 bits by which a receipt with this highest counter names message ``place``, from 1 on, of a batch.

    They are those of a counter that was not used yet: of the record's own, PLACE_STEP times the place further on. None
    for a record that is too far below the highest, or a place that has no name.
    """
    if not 0 <= highest - counter <= NAMED_BACK_MAX or not 1 <= place <= PLACES_MAX:
        return None
    return (counter + PLACE_STEP * place) % COUNTERS


def named_in_batch(low: int, highest: int) -> tuple[int, int] | None:
    """Return counter and place of the message of a batch that 16 bits name; None where they name a whole record."""
    ahead = (low - highest) % COUNTERS
    place = -(-ahead // PLACE_STEP)
    back = PLACE_STEP * place - ahead
    if not 1 <= place <= PLACES_MAX or back > NAMED_BACK_MAX or back >= highest:
        return None
    return highest - back, place


def put_receipt(sink: Sink, receipt: Receipt) -> None:
    """Write a receipt."""
    sink.symbol("receipt.cumulative", int(receipt.highest is not None), 2)
    if receipt.highest is not None:
        sink.uniform(receipt.session, 1 << SESSION_BITS)
        sink.uniform(receipt.highest, 1 << COUNTER_BITS)
        sink.number("receipt.run", receipt.run, 13)
        length = receipt.bitmap.bit_length()
        sink.symbol("receipt.bitmap", length, BITMAP_BITS_MAX + 1)
        if length > 1:
            sink.uniform(receipt.bitmap - (1 << (length - 1)), 1 << (length - 1))
    sink.number("receipt.needs", len(receipt.needs), 4)
    for transfer, need in receipt.needs:
        sink.uniform(transfer, 256)
        sink.number("receipt.need", need, 8)
    sink.number("receipt.levels", len(receipt.levels), 6)
    for counter, level in receipt.levels:
        sink.uniform(counter, 1 << COUNTER_BITS)
        sink.symbol("receipt.level", int(level), len(Level))
    sink.number("receipt.group", len(receipt.group), 7)
    for line in receipt.group:
        sink.uniform(line.peer, 1 << PEER_BITS)
        sink.uniform(line.highest, 1 << LOW_BITS)
        sink.uniform(line.bitmap, 1 << GROUP_BITMAP_BITS)


def get_receipt(reader: Reader) -> Receipt:
    """Read a receipt; raise ContentError."""
    highest, run, bitmap, session = None, 1, 0, 0
    if reader.symbol("receipt.cumulative", 2):
        session = reader.uniform(1 << SESSION_BITS)
        highest = reader.uniform(1 << COUNTER_BITS)
        run = reader.number("receipt.run", 13)
        length = reader.symbol("receipt.bitmap", BITMAP_BITS_MAX + 1)
        if length:
            bitmap = (1 << (length - 1)) + (reader.uniform(1 << (length - 1)) if length > 1 else 0)
    needs = tuple(
        (reader.uniform(256), reader.number("receipt.need", 8)) for _ in range(reader.number("receipt.needs", 4))
    )
    levels = tuple(
        (reader.uniform(1 << COUNTER_BITS), Level(reader.symbol("receipt.level", len(Level))))
        for _ in range(reader.number("receipt.levels", 6))
    )
    group = tuple(
        PeerReceipt(
            reader.uniform(1 << PEER_BITS), reader.uniform(1 << LOW_BITS), reader.uniform(1 << GROUP_BITMAP_BITS)
        )
        for _ in range(reader.number("receipt.group", 7))
    )
    return Receipt(highest, run, bitmap, session, needs, levels, group)
