"""What no document allows is read, shown and passed on as it came, but never built."""

import pytest

from protocols.beidou.bd21_binary import BDXST
from protocols.beidou.bd40_host import BSSZ, JMSZ, JSZL
from protocols.beidou.bd40_terminal import FKXX, GLZK, GNTX, ICXX, SJXX, TXXX, ICXXList
from protocols.beidou.errors import FrameError
from protocols.beidou.frame40 import wrap_frame
from protocols.beidou.payload import Payload
from protocols.beidou.registry import frame_of

TEXT = Payload.of_text("求救")
CARD = (175_607).to_bytes(3)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (TXXX.of(1, 2, TEXT, hour=24), "hour"),
        (TXXX.of(1, 2, TEXT, minute=60), "minute"),
        (BDXST.of(1, 2, TEXT, hour=24), "hour"),
        (BDXST.of(1, 2, TEXT, minute=60), "minute"),
        (SJXX(1, 2026, 13, 1, 0, 0, 0), "month"),
        (SJXX(1, 2026, 1, 32, 0, 0, 0), "day"),
        (SJXX(1, 2026, 1, 1, 0, 0, 61), "second"),
        (GNTX(1, 8, 2026, 1, 1, 24, 0, 0), "hour"),
        (ICXX(1, 3, 11, 6, 60, 3, 0, 0), "frame_no"),
        (ICXXList(1, 0, (1, 2)), "frame_no"),
        (ICXXList(1, 1, (0x200000,)), "addrs"),
        (GLZK(1, (0, 0, 0, 0, 0, 5)), "beam_power"),
        (BSSZ(1, (1, 2, 3, 4, 5)), "beams"),
        (JSZL(1, "ABCDE"), "command"),
        (JSZL(1, "gljc"), "command"),
        (JMSZ(1, 2), "state"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.KIND,
)
def test_what_no_document_allows_is_not_built(value, field):
    """The error names the field and what was found."""
    with pytest.raises(FrameError, match=rf"{value.KIND} {field}: found"):
        value.to_wire()


@pytest.mark.parametrize(
    ("name", "body", "field", "shown"),
    [
        (b"$GLZK", bytes((0, 0, 0, 0, 0, 9)), "beam_power", [0, 0, 0, 0, 0, 9]),
        (b"$SJXX", bytes((7, 0xEA, 13, 40, 25, 61, 61)), "month", 13),
        (b"$TXXX", bytes((0x40, 0, 0, 2, 99, 0, 0, 16, 0xC7, 0xF3, 0)), "hour", 99),
        (b"$BSSZ", bytes(5), "beams", [0] * 5),
        (b"$JMSZ", bytes((7,)), "state", 7),
    ],
)
def test_it_is_read_shown_and_passed_on_as_it_came(name, body, field, shown):
    """A terminal that says it is still understood; the JSON form keeps its bytes."""
    wire = wrap_frame(name, CARD + body)
    value = frame_of(wire)
    fields = value.to_fields()

    assert fields[field] == shown
    assert value.to_wire() == wire
    assert type(value).from_fields(fields).to_wire() == wire


def test_a_command_echoed_with_flag_4_is_no_wait():
    """Letters where the wait belongs tell no seconds (3.6)."""
    assert FKXX(1, 4, b"TXSQ").wait_s is None
    assert FKXX(1, 4, bytes((0, 0, 0, 42))).wait_s == 42
