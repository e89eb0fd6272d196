"""Writes vectors.json: frames with everything they were made from, for whoever writes another implementation.

    .venv/bin/python -m tests.protocols.record.make_vectors

The file is pinned: test_vectors.py compares it with what this gives, and a difference means that the format has changed.
"""

import json
from pathlib import Path

from protocols.record import keys
from protocols.record.address import EVERYBODY, Ends
from protocols.record.counter import COUNTER_MAX, rebuild
from protocols.record.hello import Hello, HelloMessage
from protocols.record.keys import GroupSeed, PairSecret, RootSecret, Session
from protocols.record.keytransport import GroupKey, NewPairSecret, transport_to_bytes
from protocols.record.layout import Form, Header, HelloKind, RecordFrame, Relay
from protocols.record.notice import BeginSession, Revoked, UseLongTags, notice_to_bytes
from protocols.record.sealing import seal
from protocols.record.siv import seal_hello
from protocols.record.suite import Suite, nonce_of

FILE = Path(__file__).with_name("vectors.json")
ROOT = RootSecret(bytes(range(32)))
SEED = GroupSeed(bytes(range(0xA0, 0xB0)))
FIELD, HQ, DEVICE, GROUP = 0x0203, 0x0001, 0x0ABCDE, 0xFF07
SALT = 0x0D1E2F30
PLAINTEXT = bytes.fromhex("8a3f00c7e4115d")

RECORDS = [  # name, ends, generation, suite, header, counter, plaintext
    ("no addresses, short tag", Ends(FIELD, HQ), 0, 1, Header(), 1, PLAINTEXT),
    ("source", Ends(FIELD, HQ), 0, 1, Header(Form.SOURCE), 1, PLAINTEXT),
    ("both in 16 bits, relayed", Ends(FIELD, HQ), 0, 1, Header(Form.SHORT, relay=Relay(0, 5, 3)), 1, PLAINTEXT),
    ("both in 24 bits, relayed", Ends(FIELD, HQ), 0, 1, Header(Form.LONG, relay=Relay(3, 7, 0)), 1, PLAINTEXT),
    ("long tag", Ends(FIELD, HQ), 0, 1, Header(long_tag=True), 2, PLAINTEXT),
    ("long tag, both in 24 bits", Ends(FIELD, HQ), 0, 1, Header(Form.LONG, long_tag=True, relay=Relay(1, 0, 7)), 2, PLAINTEXT),
    ("fragment", Ends(FIELD, HQ), 0, 1, Header(fragment=True), 3, bytes.fromhex("080300") + bytes(range(64))),
    ("empty", Ends(FIELD, HQ), 0, 1, Header(), 4, b""),
    ("one block", Ends(FIELD, HQ), 0, 1, Header(), 5, bytes(range(16))),
    ("one block and a byte", Ends(FIELD, HQ), 0, 1, Header(long_tag=True), 6, bytes(range(17))),
    ("longest", Ends(FIELD, HQ), 0, 1, Header(long_tag=True), 7, bytes(n % 251 for n in range(4000))),
    ("generation 1", Ends(FIELD, HQ), 1, 1, Header(), 70_000, PLAINTEXT),
    ("generation 2", Ends(FIELD, HQ), 2, 1, Header(Form.SOURCE), 131_072, PLAINTEXT),
    ("last counter", Ends(FIELD, HQ), 0, 1, Header(), COUNTER_MAX, PLAINTEXT),
    ("other direction", Ends(HQ, FIELD), 0, 1, Header(), 1, PLAINTEXT),
    ("device", Ends(DEVICE, HQ), 0, 1, Header(Form.LONG, relay=Relay(2, 3, 1)), 1, PLAINTEXT),
    ("SM4-GCM", Ends(FIELD, HQ), 0, 2, Header(long_tag=True), 1, PLAINTEXT),
    ("SM4-GCM, generation 1, relayed", Ends(FIELD, HQ), 1, 2, Header(Form.SHORT, fragment=True, long_tag=True, relay=Relay(0, 7, 0)), 99, bytes(range(40))),
    ("to a group", Ends(HQ, GROUP), 0, 1, Header(Form.SHORT, long_tag=True, relay=Relay(1, 4, 0)), 1, PLAINTEXT),
    ("to everybody", Ends(HQ, EVERYBODY), 1, 1, Header(Form.LONG, long_tag=True, relay=Relay(0, 7, 0)), 8, PLAINTEXT),
]  # fmt: skip
GROUP_GENERATION = 2

HELLOS = [  # name, ends, form, value
    ("hello", Ends(FIELD, HQ), Form.IMPLIED, Hello(0, SALT)),
    ("hello that asks", Ends(HQ, FIELD), Form.SHORT, Hello(3, SALT, Suite.SM4_GCM, 0x0102, 7, SALT - 5, want=True, long_tags=True)),
    ("hello with a message", Ends(FIELD, HQ), Form.SOURCE, Hello(0, SALT, known_salt=SALT - 9, message=HelloMessage(1, PLAINTEXT))),
    ("hello with a fragment", Ends(DEVICE, HQ), Form.LONG, Hello(0xFFFF, 0xFFFFFFFF, message=HelloMessage(0xFFFF, b"\x08\x03\x00" + bytes(20), fragment=True))),
    ("hello to a group", Ends(HQ, GROUP), Form.SHORT, Hello(0, SALT)),
    ("group key", Ends(HQ, FIELD), Form.IMPLIED, GroupKey(SALT + 1, GROUP, GROUP_GENERATION, SEED)),
    ("new pair secret", Ends(HQ, FIELD), Form.IMPLIED, NewPairSecret(SALT + 2, PairSecret(bytes(range(0x40, 0x60))))),
    ("revoked", Ends(HQ, FIELD), Form.SHORT, Revoked(SALT + 3, (0x0204, DEVICE))),
    ("use 8-byte tags", Ends(HQ, FIELD), Form.IMPLIED, UseLongTags(SALT + 4)),
    ("begin a session", Ends(FIELD, HQ), Form.SOURCE, BeginSession(SALT + 5)),
]  # fmt: skip

COUNTERS = [  # highest accepted, 16 bits
    (0, 1), (0, 0), (0, 0x8000), (0, 0x8001), (0, 0xFFFF), (1, 1), (32_767, 0), (32_768, 0), (65_535, 0), (65_536, 0xFFFF),
    (100_000, 0), (0xA82F30EA, 0x9B32), (COUNTER_MAX - 1, 0xFFFF), (COUNTER_MAX, 0), (COUNTER_MAX, 0x7FFF),
]  # fmt: skip


def secret_of(ends):
    """Return what a direction's keys come from, and its first chain secret."""
    if ends.dst in {GROUP, EVERYBODY}:
        secret = keys.group_secret(SEED, ends.dst, GROUP_GENERATION)
        return secret, keys.sender_chain(secret, ends)
    secret = keys.pair_secret(ROOT, ends.src, ends.dst)
    return secret, keys.first_chain(secret, ends)


def record_vector(record):
    name, ends, generation, suite, header, counter, plaintext = record
    secret, first = secret_of(ends)
    session = Session(ends, generation, SALT, Suite(suite))
    chain = first.at(generation)
    derived = keys.session_keys(chain, session)
    frame = seal(derived, header, counter, plaintext)
    return {
        "name": name,
        "src": ends.src,
        "dst": ends.dst,
        "generation": generation,
        "salt": SALT,
        "suite": suite,
        "pair_or_group_secret": secret.material.hex(),
        "chain_0": first.material.hex(),
        "chain": chain.material.hex(),
        "key": derived.key.hex(),
        "static_iv": derived.static_iv.hex(),
        "counter": counter,
        "highest_accepted": max(0, counter - 3),
        "aa": int(header.form),
        "fragment": header.fragment,
        "long_tag": header.long_tag,
        "relay": None if header.relay is None else header.relay.to_byte(),
        "nonce": nonce_of(session.suite, derived.static_iv, counter).hex(),
        "aad": RecordFrame.from_bytes(frame).aad(ends, counter).hex(),
        "plaintext": plaintext.hex(),
        "frame": frame.hex(),
    }


def hello_vector(name, ends, form, value):
    key = keys.hello_key(secret_of(ends)[0], ends)
    if isinstance(value, Hello):
        kind, plaintext = HelloKind.HELLO, value.to_bytes()
    elif isinstance(value, GroupKey | NewPairSecret):
        kind, plaintext = HelloKind.KEY_TRANSPORT, transport_to_bytes(value)
    else:
        kind, plaintext = HelloKind.NOTICE, notice_to_bytes(value)
    return {
        "name": name,
        "src": ends.src,
        "dst": ends.dst,
        "hello_key": key.material.hex(),
        "kind": int(kind),
        "aa": int(form),
        "plaintext": plaintext.hex(),
        "frame": seal_hello(key, kind, form, plaintext).hex(),
    }


def refused_vectors():
    """Frames that no receiver of the first record's session may open, and why."""
    frame = bytes.fromhex(record_vector(RECORDS[0])["frame"])
    return [
        {"name": name, "frame": bad.hex()}
        for name, bad in [
            ("last bit of the tag flipped", frame[:-1] + bytes([frame[-1] ^ 1])),
            ("first bit of the ciphertext flipped", frame[:3] + bytes([frame[3] ^ 0x80]) + frame[4:]),
            ("counter one higher", frame[:2] + bytes([frame[2] + 1]) + frame[3:]),
            ("F flipped", bytes([frame[0] ^ 0x10]) + frame[1:]),
            ("E flipped", bytes([frame[0] ^ 0x02]) + frame[1:]),
            ("L flipped", bytes([frame[0] ^ 0x01]) + frame[1:]),
            ("one byte shorter", frame[:-1]),
            ("one byte longer", frame + b"\0"),
            ("head only", frame[:3]),
        ]
    ]


def vectors():
    return {
        "about": "Test vectors of docs/air-format/record.md. All keys are public. Bytes are hexadecimal.",
        "root_secret": ROOT.material.hex(),
        "group_seed": SEED.material.hex(),
        "group_generation": GROUP_GENERATION,
        "records": [record_vector(record) for record in RECORDS],
        "refused": refused_vectors(),
        "hellos": [hello_vector(*hello) for hello in HELLOS],
        "counters": [
            {"highest_accepted": highest, "low": low, "counter": rebuild(low, highest + 1)} for highest, low in COUNTERS
        ],
    }


def text():
    return json.dumps(vectors(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
