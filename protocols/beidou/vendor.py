"""Sentences with a good checksum that no document of ours describes (reference/beidou.md section 5.8)."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

from protocols.beidou.errors import FrameError
from protocols.beidou.sentence import Sentence, wrap
from protocols.beidou.value import refuse_self_destruct

FIELDS_MAX = 512


def _beam_values(texts: tuple[str, ...]) -> dict[str, Any]:
    """SNR: C/N0 of 21 beams."""
    return {"cn0_21_beams": [int(text) for text in texts]}


def _result(texts: tuple[str, ...]) -> dict[str, Any]:
    """BTX and others: one result."""
    return {"result": texts[0]}


def _periods(texts: tuple[str, ...]) -> dict[str, Any]:
    """RNX: output periods of the navigation sentences, and the time zone."""
    names = ("gga", "gsv", "gll", "gsa", "rmc", "zda", "timezone")
    return {name: int(text) for name, text in zip(names, texts, strict=True)}


def _coverage(texts: tuple[str, ...]) -> dict[str, Any]:
    """COV: week, time of week, satellites."""
    week, tow, count, *_ = texts
    return {"week": int(week), "tow_s": float(tow), "sat_count": int(count)}


def _version(texts: tuple[str, ...]) -> dict[str, Any]:
    """VRX: version of the handset."""
    return {"version": ",".join(texts)}


def _safe(texts: tuple[str, ...]) -> dict[str, Any]:
    """OKX: a receiver and a prepared text."""
    return {"to": texts[0], "text": _shown(",".join(texts[1:]))}


READERS: Mapping[str, Callable[[tuple[str, ...]], dict[str, Any]]] = MappingProxyType(
    {
        "SNR": _beam_values,
        "BTX": _result,
        "RNX": _periods,
        "COV": _coverage,
        "VRX": _version,
        "OKX": _safe,
        "DEF": _result,
        "QDX": _result,
        "RSX": _result,
    }
)
"""Names for the fields of vendor sentences whose meaning is known; a sentence that does not fit keeps its texts only."""


@dataclass(frozen=True, slots=True)
class VendorSentence(Sentence):
    """Any other sentence, its fields as texts (latin-1 for bytes). Self-destruct sentences are refused."""

    PROTOCOL: ClassVar[str] = "vendor"
    KIND: ClassVar[str] = ""
    TALKER: ClassVar[str] = ""
    talker: str
    kind: str
    fields: tuple[str, ...]

    @classmethod
    def parse(cls, body: str) -> Self:
        """Read any body that begins with five letters or digits."""
        head, comma, rest = body.partition(",")
        if not (len(head) == 5 and head.isascii() and head.isalnum() and head.upper() == head):
            raise FrameError("unknown sentence", f"found {head[:8]!r}, a sentence begins with five capitals or digits")
        return cls(head[:2], head[2:], tuple(rest.split(",")) if comma else (), as_received=wrap(body))

    def canonical_wire(self) -> bytes:
        """Return the sentence built from its texts."""
        return refuse_self_destruct(wrap(",".join([self.talker + self.kind, *self.fields])))

    def _show(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "talker": self.talker,
            "kind": self.kind,
            "fields": [_shown(text) for text in self.fields],
        }
        reader = READERS.get(self.kind)
        if reader is not None and self.fields:
            with suppress(IndexError, ValueError):  # not the sentence of that name that we know
                shown |= reader(self.fields)
        return shown

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Read the JSON form: ``talker``, ``kind`` and ``fields``; raise FrameError."""
        talker, kind, texts = fields.get("talker", "BD"), fields.get("kind"), fields.get("fields")
        if not (isinstance(talker, str) and isinstance(kind, str) and len(talker + kind) == 5):
            raise FrameError(
                "missing field", f"found talker {talker!r} and kind {kind!r}, two and three letters are needed"
            )
        if not isinstance(texts, list) or len(texts) > FIELDS_MAX or not all(isinstance(text, str) for text in texts):
            raise FrameError("missing field", f"{kind}: write fields as a list of at most {FIELDS_MAX} texts")
        try:
            return cls.parse(",".join([talker + kind, *(text.encode("gb18030").decode("latin-1") for text in texts)]))
        except UnicodeEncodeError:
            raise FrameError("bad text", f"{kind}: a field has characters that no handset can show") from None


def _shown(text: str) -> str:
    """Return a field as characters where its bytes are text."""
    try:
        return text.encode("latin-1").decode("gb18030")
    except UnicodeDecodeError:
        return text
