"""The part that sentences with a message in them share: content field, payload, JSON form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from protocols.beidou.errors import FrameError
from protocols.beidou.payload import Encoding, Payload
from protocols.beidou.sentence import Sentence


@dataclass(frozen=True, slots=True)
class MessageSentence(Sentence):
    """A sentence with the fields ``encoding`` (the protocol's number) and ``content`` (as on the wire)."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"content"})
    ENCODINGS: ClassVar[Mapping[int, Encoding]]

    @property
    def payload(self) -> Payload:
        """What the message carries; content that is not what its encoding says has ``error`` set."""
        return self.payload_of(getattr(self, "encoding"), getattr(self, "content"))  # noqa: B009  # fields of subclasses

    @classmethod
    def payload_of(cls, encoding: int | None, content: bytes) -> Payload:
        """Return the payload of a content field."""
        return Payload.from_ascii(cls.ENCODINGS.get(-1 if encoding is None else encoding), content)

    @classmethod
    def encoding_number(cls, encoding: Encoding) -> int:
        """Return the protocol's number of an encoding; raise FrameError when it has none."""
        for number, name in cls.ENCODINGS.items():
            if name is encoding:
                return number
        raise FrameError("bad encoding", f"{cls.PROTOCOL} has no {encoding} messages")

    def _derived(self) -> dict[str, Any]:
        return self.payload.to_fields()

    @classmethod
    def _complete(cls, fields: dict[str, Any]) -> dict[str, Any]:
        number = fields.get("encoding")
        encoding = cls.ENCODINGS.get(number) if isinstance(number, int) else None
        if encoding is None:
            raise FrameError("bad encoding", f"encoding: found {number!r}, use one of {list(cls.ENCODINGS)}")
        return fields | {"content": Payload.from_fields(encoding, fields).to_ascii()}

    def _check(self) -> None:
        if self.payload.to_ascii() != getattr(self, "content"):  # noqa: B009  # field of subclasses
            raise FrameError("bad payload", f"{self.KIND}: hex digits are sent in upper case")
