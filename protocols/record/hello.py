"""The hello: begins a session, and may carry its first message.

| bytes | |
|---|---|
| 1 | version, 1 |
| 1 | suite |
| 1 | flags: bit 0 want, 1 long tags, 2 a message follows, 3 it begins with a fragment header; 4 to 7 are 0 |
| 2 | generation of the sender's chain |
| 4 | salt |
| 2 | content model |
| 1 | registry revision |
| 4 | the last salt of yours that I know, 0 for none |
| 2 | with bit 2: counter of the message in the session that this hello announces, 1 to 65535 |
| rest | with bit 2: the content |
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.record.counter import FIRST_COUNTER, LOW_VALUES
from protocols.record.errors import Malformed, Refused
from protocols.record.keys import SALT_MAX, check_generation
from protocols.record.layout import PLAINTEXT_BYTES_MAX
from protocols.record.suite import Suite, suite_of

VERSION = 1
FIXED_BYTES = 16
CONTENT_BYTES_MAX = PLAINTEXT_BYTES_MAX - FIXED_BYTES - 2
"""Longest content that fits a hello."""

_WANT, _LONG_TAGS, _MESSAGE, _FRAGMENT = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class HelloMessage:
    """A message inside a hello: the same one as the record with that counter, and delivered once however it comes.

    The counter is meant as it stands and so is one of the first 65535 of the session. It is not rebuilt as that of a record
    is: there a wrong guess fails the tag, here it would make an old hello's message a new one.
    """

    counter: int
    content: bytes
    fragment: bool = False

    def __post_init__(self) -> None:
        if not FIRST_COUNTER <= self.counter < LOW_VALUES:
            raise Malformed("bad counter", f"found {self.counter}, a hello carries 1 to {LOW_VALUES - 1}")
        if len(self.content) > CONTENT_BYTES_MAX:
            raise Malformed("bad length", f"content of {len(self.content)} bytes, at most {CONTENT_BYTES_MAX}")


@dataclass(frozen=True, slots=True)
class Hello:
    """Announces the sender's session.

    ``known_salt`` is the last salt of the receiver's that the sender knows, 0 for none: so each end sees whether the other
    has its session. ``want`` asks for a hello in return. ``long_tags`` promises that from now on every record of this
    session has an 8-byte tag. ``model`` (16 bits) and ``revision`` (8 bits) say how content is coded.
    """

    generation: int
    salt: int
    suite: Suite = Suite.AES_CCM
    model: int = 0
    revision: int = 0
    known_salt: int = 0
    want: bool = False
    long_tags: bool = False
    message: HelloMessage | None = None

    def __post_init__(self) -> None:
        check_generation(self.generation)
        if not 0 < self.salt <= SALT_MAX or not 0 <= self.known_salt <= SALT_MAX:
            raise Malformed("bad salt", f"found {self.salt} and {self.known_salt}, a salt is 1 to {SALT_MAX}")
        if not (0 <= self.model <= 0xFFFF and 0 <= self.revision <= 0xFF):
            raise Malformed("bad hello", f"found model {self.model}, revision {self.revision}; they have 16 and 8 bits")

    def to_bytes(self) -> bytes:
        """Return the plaintext."""
        flags = self.want * _WANT | self.long_tags * _LONG_TAGS
        tail = b""
        if self.message is not None:
            flags |= _MESSAGE | self.message.fragment * _FRAGMENT
            tail = self.message.counter.to_bytes(2) + self.message.content
        return (
            bytes([VERSION, self.suite, flags])
            + self.generation.to_bytes(2)
            + self.salt.to_bytes(4)
            + self.model.to_bytes(2)
            + self.revision.to_bytes(1)
            + self.known_salt.to_bytes(4)
            + tail
        )

    @classmethod
    def from_bytes(cls, plaintext: bytes) -> Hello:
        """Read the plaintext; raise Malformed, or Refused for a version or suite of a newer program."""
        if not plaintext or plaintext[0] != VERSION:
            raise Refused("unknown version", f"found hello version {plaintext[:1].hex() or 'none'}, known is {VERSION}")
        if len(plaintext) < FIXED_BYTES:
            raise Malformed("bad length", f"a hello of {len(plaintext)} bytes, it has at least {FIXED_BYTES}")
        flags = plaintext[2]
        if flags >> 4 or (flags & _FRAGMENT and not flags & _MESSAGE):
            raise Malformed("bad hello", f"found flags {flags:#04x}")
        message = None
        tail = plaintext[FIXED_BYTES:]
        if flags & _MESSAGE:
            if len(tail) < 2:
                raise Malformed("bad length", "the hello's message has no counter")
            message = HelloMessage(int.from_bytes(tail[:2]), tail[2:], bool(flags & _FRAGMENT))
        elif tail:
            raise Malformed("bad length", f"{len(tail)} bytes follow a hello without message")
        return cls(
            generation=int.from_bytes(plaintext[3:5]),
            salt=int.from_bytes(plaintext[5:9]),
            suite=suite_of(plaintext[1]),
            model=int.from_bytes(plaintext[9:11]),
            revision=plaintext[11],
            known_salt=int.from_bytes(plaintext[12:16]),
            want=bool(flags & _WANT),
            long_tags=bool(flags & _LONG_TAGS),
            message=message,
        )
