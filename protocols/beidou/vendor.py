"""Sentences with a good checksum that no document of ours describes (reference/beidou.md section 5.8)."""

from dataclasses import dataclass
from typing import ClassVar

from protocols.beidou.sentence import Sentence


@dataclass(frozen=True, slots=True)
class VendorSentence(Sentence):
    """Any other sentence, its fields as texts (latin-1 for bytes). Self-destruct sentences are refused."""

    PROTOCOL: ClassVar[str] = "vendor"
    KIND: ClassVar[str] = ""
    talker: str
    kind: str
    fields: tuple[str, ...]
