"""Frames that name both ends: the same bytes but for the clear header, and the example of the document."""

import re
from pathlib import Path

import pytest

from gateway.air.explicit import HOP_LIMIT, addressed, explicit_of, form_of, overhead, way_address, way_peer
from gateway.model import Precedence
from protocols.record.address import Ends, Implied
from protocols.record.keys import Session, first_chain, pair_secret, session_keys
from protocols.record.layout import Form, HelloFrame, RecordFrame, Relay
from protocols.record.sealing import try_open
from tests.gateway.air.relaynet import ROOT, hello, record

HQ, R1, V1 = 1, 2, 3


@pytest.mark.parametrize(("src", "dst", "form", "extra"), [(3, 1, Form.SHORT, 5), (0x10203, 1, Form.LONG, 7)])
def test_naming_both_ends_changes_the_clear_header_only(src, dst, form, extra):
    """Ciphertext and tag are the same bytes, so the record opens as the one that a neighbour would have got."""
    ends = Ends(src, dst)
    plain = record(src, dst)
    direct = RecordFrame.from_bytes(plain).carried_as(Form.IMPLIED, ends).to_bytes()

    named = addressed(direct, ends, Precedence.FLASH)

    frame = RecordFrame.from_bytes(named)
    assert frame.header.form is form
    assert frame.header.relay == Relay(0, HOP_LIMIT, 0)
    assert len(named) - len(direct) == extra == overhead(ends)
    assert frame.sealed == RecordFrame.from_bytes(direct).sealed
    assert form_of(ends) is form


def test_a_hello_takes_one_byte_less():
    """It has no relay byte, so what is left free for a record is enough for it."""
    ends = Ends(V1, HQ)
    named = HelloFrame.from_bytes(hello(V1, HQ))

    assert len(named.to_bytes()) - len(named.carried_as(Form.IMPLIED, ends).to_bytes()) == overhead(ends) - 1


@pytest.mark.parametrize("address", ["200101", "", "air:", "air:x", "B7A", "air:-1"])
def test_link_addresses_are_not_taken_for_ways(address):
    """Receipts owed by way have addresses of their own, which no bearer has."""
    assert way_peer(address) is None
    assert way_peer(way_address(515)) == 515


def test_the_example_of_the_document_is_what_the_code_makes():
    """docs/air-format/relay.md shows a record at its source, behind one relay and behind two."""
    page = (Path(__file__).parents[3] / "docs/air-format/relay.md").read_text(encoding="utf-8")
    shown = re.findall(r"`(08[0-9a-f]{36})`", page)

    said = addressed(bytes.fromhex("000001f91f8c229ae3cc5f534fe5"), Ends(0x203, 1), Precedence.PRIORITY)
    first = explicit_of(said).sent_on()
    second = explicit_of(first).sent_on()

    assert shown == [said.hex(), first.hex(), second.hex()]


def test_the_end_opens_what_came_through_a_relay():
    """Explicit addresses go before what the bearer says, whose sender is the relay."""
    ends = Ends(V1, HQ)
    keys = session_keys(first_chain(pair_secret(ROOT, V1, HQ), ends).at(0), Session(ends, 0, 1))
    onward = explicit_of(record(V1, HQ, plain=b"said")).sent_on()

    opened = try_open([keys], onward, Implied(R1, HQ), 1)

    assert opened is not None
    assert opened.plaintext == b"said"
