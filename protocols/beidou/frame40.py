"""Binary frames of protocol 4.0: envelope, and the base class of every frame (reference/beidou.md section 3)."""

import dataclasses
from typing import Any, ClassVar, Self


@dataclasses.dataclass(frozen=True, slots=True)
class Frame40:
    """A 4.0 frame as a value. ``addr`` is the user address of the envelope (bytes 7 to 9).

    ``as_received`` as in :class:`protocols.beidou.sentence.Sentence`.
    """

    PROTOCOL: ClassVar[str] = "bd-4.0"
    KIND: ClassVar[str]
    as_received: bytes = dataclasses.field(default=b"", kw_only=True, compare=False, repr=False)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a whole frame; raise FrameError."""
        raise NotImplementedError

    def to_wire(self) -> bytes:
        """Return the whole frame; raise FrameError for a value its document does not allow."""
        raise NotImplementedError

    def to_fields(self) -> dict[str, Any]:
        """Return the JSON form."""
        raise NotImplementedError

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Read the JSON form; raise FrameError."""
        raise NotImplementedError
