"""Which class reads which sentence or frame: the one table of ids (reference/beidou.md sections 2 to 5)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from protocols.beidou import bd3, bd21_binary, bd21_host, bd21_terminal, bd40_host, bd40_terminal
from protocols.beidou.errors import FrameError
from protocols.beidou.frame40 import Frame40
from protocols.beidou.sentence import Sentence, unwrap
from protocols.beidou.value import WireValue, refuse_self_destruct
from protocols.beidou.vendor import VendorSentence

_SENTENCES = (
    *(bd21_host.CCICA, bd21_host.CCTXA, bd21_host.CCRMO, bd21_host.CCBSS, bd21_host.CCDWA, bd21_host.CCWAA),
    *(bd21_host.CCWBA, bd21_host.CCCXA, bd21_host.CCJMS, bd21_host.CCKLS, bd21_host.CCGXM, bd21_host.CCLZM),
    *(bd21_host.CCDSA, bd21_terminal.BDICI, bd21_terminal.BDTXR, bd21_terminal.BDFKI21, bd21_terminal.BDBSI),
    *(bd21_terminal.BDDWR, bd21_terminal.BDWAA, bd21_terminal.BDHZR, bd21_terminal.BDICZ, bd21_terminal.BDZTI),
    *(bd21_terminal.BDZDA, bd21_terminal.BDKLT, bd21_terminal.BDGXM, bd21_terminal.BDSBX),
    *(bd3.CCICR, bd3.BDICP, bd3.CCTCQ, bd3.BDTCI, bd3.BDPWI),
)
SENTENCES: Mapping[str, type[Sentence]] = MappingProxyType(
    {cls.TALKER + cls.KIND: cls for cls in _SENTENCES} | {"PJTXR": bd21_terminal.BDTXR}
)
"""Sentence classes by talker and id; ``BDFKI`` of 2.1, see `sentence_of` for the other."""

_FRAMES = (
    *(bd40_host.ICJC, bd40_host.XTZJ, bd40_host.GLJC, bd40_host.SJSC, bd40_host.BBDQ, bd40_host.CKSC),
    *(bd40_host.BSSZ, bd40_host.DWSQ, bd40_host.TXSQ, bd40_host.JSZL, bd40_host.GXDQ, bd40_host.GXZX, bd40_host.GXZR),
    *(bd40_host.JMSZ, bd40_host.GNPS, bd40_host.GNVS, bd40_host.GNTS),
    *(bd40_terminal.ICXX, bd40_terminal.ZJXX, bd40_terminal.GLZK, bd40_terminal.TXXX, bd40_terminal.TXHZ),
    *(bd40_terminal.FKXX, bd40_terminal.DWXX, bd40_terminal.SJXX, bd40_terminal.GNTX, bd40_terminal.GNPX),
    *(bd40_terminal.BBXX, bd40_terminal.XHXX),
)
FRAMES: Mapping[bytes, type[Frame40]] = MappingProxyType({cls.header(): cls for cls in _FRAMES})
"""4.0 frame classes by ``$`` and id; queries and subordinate lists share their id with another class."""

BINARIES: Mapping[bytes, type[Frame40]] = MappingProxyType(
    {cls.header(): cls for cls in (bd21_binary.BDXST, bd21_binary.BDXSD)}
)
FRAME_HEADERS = frozenset(FRAMES)
BINARY_HEADERS = tuple(BINARIES)


TIME_DIGITS = 6
"""A first field this long is a time of day; the mode of a 2.1 ``BDZDA`` is one digit."""


def sentence_of(line: bytes) -> Sentence:
    """Read a whole ASCII sentence, with or without CR LF; one that nothing describes becomes a VendorSentence.

    Raise FrameError: envelope, checksum, a field that is none, or a self-destruct command.
    """
    body = unwrap(line)
    head, _, rest = body.partition(",")
    refuse_self_destruct(head.encode("latin-1"))  # the id only: a person may write anything into a text
    if head == "BDFKI" and rest[:1].isdigit():
        return bd3.BDFKI3.parse(body)
    if head == "BDZDA" and len(rest.partition(",")[0]) >= TIME_DIGITS:
        return VendorSentence.parse(body)  # the time sentence of navigation receivers, which 2.1 reuses the name of
    cls = SENTENCES.get(head)
    return VendorSentence.parse(body) if cls is None else cls.parse(body)


def frame_of(raw: bytes) -> Frame40:
    """Read a whole 4.0 or binary 2.1 frame; raise FrameError."""
    refuse_self_destruct(raw[:5])
    cls = FRAMES.get(raw[:5]) or BINARIES.get(raw[:6])
    if cls is None:
        raise FrameError("unknown frame", f"found {raw[:6]!r}, known ids are in reference section 3")
    if cls is bd40_host.TXSQ and len(raw) > 10 and raw[10] & bd40_host.QUERY_MASK == bd40_host.QUERY_BITS:
        cls = bd40_host.TXSQQuery
    if cls is bd40_terminal.ICXX and len(raw) > 10 and raw[10] != 0:
        cls = bd40_terminal.ICXXList
    return cls.from_wire(raw)


def class_for(fields: dict[str, Any], *, ascii_only: bool) -> type[WireValue]:
    """Return the class that reads a JSON form; raise FrameError for a kind that nothing describes.

    Where two classes share a kind, the form itself tells: talker, direction-only fields, frame number, query bits.
    """
    kind = fields.get("kind")
    if not isinstance(kind, str):
        raise FrameError("missing field", f"kind: found {kind!r}, write the id such as TXA or TXSQ")
    if kind.upper() in ("ZHS", "ZHSQ", "JJZH"):
        raise FrameError("self-destruct refused", f"{kind} destroys the card and is never sent")
    if ascii_only:
        return _sentence_class(kind, fields)
    cls = FRAMES.get(b"$" + kind.encode("ascii", "replace"))
    if cls is None:
        raise FrameError(
            "unknown frame", f"kind: found {kind!r}, known are {', '.join(sorted(c.KIND for c in _FRAMES))}"
        )
    if cls is bd40_host.TXSQ and "query" in fields:
        return bd40_host.TXSQQuery
    if cls is bd40_terminal.ICXX and "addrs" in fields:
        return bd40_terminal.ICXXList
    return cls


def _sentence_class(kind: str, fields: dict[str, Any]) -> type[WireValue]:
    binary = BINARIES.get(b"$BD" + kind.encode("ascii", "replace"))
    if binary is not None and "fields" not in fields:
        return binary
    if "fields" in fields:
        return VendorSentence
    if kind == "FKI":
        return bd3.BDFKI3 if "time" in fields or "reason" in fields else bd21_terminal.BDFKI21
    found = [cls for cls in _SENTENCES if kind == cls.KIND]
    named = [cls for cls in found if fields.get("talker", cls.TALKER) == cls.TALKER] or found
    if not named:
        raise FrameError("unknown sentence", f"kind: found {kind!r}; give talker and fields for one that is not known")
    return named[0]
