"""Hundreds of random frames, made by one implementation and read by the other."""

import random

import pytest

from protocols.record import keys
from protocols.record.address import EVERYBODY, Ends, Implied
from protocols.record.counter import COUNTER_MAX
from protocols.record.hello import Hello, HelloMessage
from protocols.record.keys import GroupSeed, PairSecret, RootSecret, Session
from protocols.record.keytransport import GroupKey, NewPairSecret, transport_to_bytes
from protocols.record.layout import Form, Header, HelloFrame, HelloKind, RecordFrame, Relay
from protocols.record.notice import Revoked, UseLongTags, notice_to_bytes
from protocols.record.receiver import ReceivingState, open_record
from protocols.record.sealing import seal
from protocols.record.siv import open_hello, seal_hello
from protocols.record.suite import Suite
from protocols.record.window import Window
from tests.protocols.record import independent

FRAMES = 250


def random_ends(rng, form, *, group=False):
    src = rng.randrange(1, 0xFF00) if form is not Form.LONG else rng.choice((rng.randrange(1, 0xFF00), 0xABCDEF))
    dst = rng.randrange(0xFF00, 0x10000) if group else rng.randrange(1, 0xFF00)
    return Ends(src, dst if dst != src else dst % 0xFEFF + 1)


@pytest.mark.parametrize("suite", Suite)
def test_random_records(suite):
    """Both derive the same keys from a root secret or group seed, make the same bytes, and open each other's."""
    rng = random.Random(suite)
    for _ in range(FRAMES):
        form, group, generation = rng.choice(list(Form)), rng.random() < 0.2, rng.randrange(4)
        ends = random_ends(rng, form, group=group)
        salt, counter = rng.randrange(1, 1 << 32), rng.choice((rng.randrange(1, 70_000), rng.randrange(1, COUNTER_MAX)))
        plaintext, long_tag = rng.randbytes(rng.choice((0, 1, 15, 16, 17, 40, 200))), suite == 2 or rng.random() < 0.5
        relay = Relay(rng.randrange(4), rng.randrange(8), rng.randrange(8)) if form.relayed else None
        header = Header(form, rng.random() < 0.5, long_tag, relay)
        raw = rng.randbytes(32)
        if group:
            theirs = independent.group_secret(raw[:16], ends.dst, 9)
            theirs = independent.sender_chain(theirs, ends.dst, 9, ends.src)
            first = keys.sender_chain(keys.group_secret(GroupSeed(raw[:16]), ends.dst, 9), ends)
        else:
            theirs = independent.first_chain(independent.pair_secret(raw, ends.src, ends.dst), ends.src, ends.dst)
            first = keys.first_chain(keys.pair_secret(RootSecret(raw), ends.src, ends.dst), ends)
        theirs = independent.chain_secret(theirs, generation)
        session = (ends.src, ends.dst, generation, salt, int(suite))
        highest = max(0, counter - rng.randrange(1, 30_000))

        frame = seal(
            keys.session_keys(first.at(generation), Session(ends, generation, salt, suite)), header, counter, plaintext
        )

        fields = {"aa": int(form), "fragment": header.fragment, "long_tag": long_tag}
        byte = None if relay is None else relay.to_byte()
        assert independent.seal_record(theirs, session, counter, plaintext, **fields, relay=byte or 0) == frame
        assert independent.open_record(theirs, session, frame, highest) == (counter, plaintext, header.fragment, byte)
        state = ReceivingState(ends, generation, salt, suite, salt, window=Window(highest, int(highest > 0)))
        opened = open_record(state, frame, Implied(ends.src, ends.dst), first.at, now_s=0).opened
        assert (opened.counter, opened.plaintext, opened.fragment) == (counter, plaintext, header.fragment)
        flipped = (int.from_bytes(frame) ^ 1 << rng.randrange(8 * (len(frame) - 3))).to_bytes(len(frame))
        if RecordFrame.from_bytes(flipped).header.relay == relay:
            assert independent.open_record(theirs, session, flipped, highest) is None


def random_body(rng):
    """Return kind, value's plaintext, and what independent.py should read in it."""
    serial = rng.randrange(1, 1 << 32)
    match rng.randrange(5):
        case 0:
            key = GroupKey(serial, rng.randrange(0xFF00, 0x10000), rng.randrange(256), GroupSeed(rng.randbytes(16)))
            read = {"group": key.group, "generation": key.generation, "seed": key.seed.material.hex(), "serial": serial}
            return HelloKind.KEY_TRANSPORT, transport_to_bytes(key), read
        case 1:
            secret = PairSecret(rng.randbytes(32))
            read = {"secret": secret.material.hex(), "serial": serial}
            return HelloKind.KEY_TRANSPORT, transport_to_bytes(NewPairSecret(serial, secret)), read
        case 2:
            lost = tuple(rng.randrange(0x10000, 0x1000000) for _ in range(rng.randrange(1, 19)))
            read = {"kind": 1, "serial": serial, "revoked": list(lost)}
            return HelloKind.NOTICE, notice_to_bytes(Revoked(serial, lost)), read
        case 3:
            return HelloKind.NOTICE, notice_to_bytes(UseLongTags(serial)), {"kind": 2, "serial": serial}
    message = None
    if rng.random() < 0.5:
        message = HelloMessage(rng.randrange(1, 1 << 16), rng.randbytes(rng.randrange(50)), rng.random() < 0.5)
    hello = Hello(
        rng.randrange(1 << 16),
        serial,
        rng.choice(list(Suite)),
        rng.randrange(1 << 16),
        rng.randrange(256),
        rng.randrange(1 << 32),
        rng.random() < 0.5,
        rng.random() < 0.5,
        message,
    )
    read = {
        "version": 1,
        "suite": int(hello.suite),
        "want": hello.want,
        "long_tags": hello.long_tags,
        "generation": hello.generation,
        "salt": serial,
        "model": hello.model,
        "revision": hello.revision,
        "known_salt": hello.known_salt,
    }
    if message is not None:
        read |= {"counter": message.counter, "fragment": message.fragment, "content": message.content.hex()}
    assert Hello.from_bytes(hello.to_bytes()) == hello
    return HelloKind.HELLO, hello.to_bytes(), read


def test_random_hellos():
    """Both make the same 0x7F frames, open each other's, and read the same in them."""
    rng = random.Random(3)
    readers = {0: independent.read_hello, 1: independent.read_transport, 2: independent.read_notice}
    for _ in range(FRAMES):
        form = rng.choice(list(Form))
        ends, raw = random_ends(rng, form), rng.randbytes(32)
        kind, plaintext, read = random_body(rng)
        theirs = independent.hello_key(raw, ends.src, ends.dst)
        key = keys.hello_key(PairSecret(raw), ends)

        frame = seal_hello(key, kind, form, plaintext)

        assert independent.seal_hello(theirs, ends.src, ends.dst, int(kind), plaintext, aa=int(form)) == frame
        assert independent.open_hello(theirs, frame, ends.src, ends.dst) == (int(kind), plaintext)
        assert readers[int(kind)](plaintext) == read
        assert open_hello(key, HelloFrame.from_bytes(frame), Implied(ends.src, ends.dst)) == plaintext
        flipped = frame[:-1] + bytes([frame[-1] ^ 1 << rng.randrange(8)])
        assert independent.open_hello(theirs, flipped, ends.src, ends.dst) is None


def test_everybody_is_a_group():
    """Both derive the same for address 0xFFFF."""
    ends = Ends(1, EVERYBODY)
    secret = keys.group_secret(GroupSeed(bytes(16)), EVERYBODY, 0)

    assert keys.hello_key(secret, ends).material == independent.hello_key(
        independent.group_secret(bytes(16), EVERYBODY, 0), 1, EVERYBODY
    )
