"""What a handset is shown: the receipt for its reports and the orders it gets, as short as honesty allows.

The words promise no more than is known. *Custody*: this station has the report on disk. *Delivered*: the command
centre has it. *Refused*: this station had it and could not keep it, so its author must send it again. Every number can be
quoted back (收到1024) and is found with ``yizhan explain 1024``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FLASH = 0
"""The precedence whose receipt asks the person to stay reachable."""

_DELIVERED = "delivered"
_REFUSED = "refused"


class ReceiptEntry(Protocol):
    """One report that a receipt is owed for; the store's OwedEntry is one."""

    @property
    def seq(self) -> int:
        """Return the number to quote."""

    @property
    def precedence(self) -> int:
        """Return its precedence, 0 the most urgent."""

    @property
    def level(self) -> str:
        """Return how far it has come: ``delivered``, ``refused``, or anything else, for which custody is said."""


_WORDS = {
    "zh_CN": {
        "one": "已收到,编号{numbers}",
        "sos": "求救已收到,编号{numbers},请保持开机",
        "many": "已收到{count}条:{numbers}",
        "delivered": "指挥中心已收到{numbers}",
        "refused": "未能保存{numbers},请重发",
        "short": "收到{numbers}",
        "short refused": "重发{numbers}",
        "order": "令{number}:{text}",
        "hint": "请回:收到{number}",
        "join": ";",
    },
    "en": {
        "one": "Received, no. {numbers}",
        "sos": "SOS received, no. {numbers}, stay switched on",
        "many": "Received {count}: {numbers}",
        "delivered": "Command centre has {numbers}",
        "refused": "Not kept: {numbers}, send again",
        "short": "Rcvd {numbers}",
        "short refused": "Resend {numbers}",
        "order": "Order {number}: {text}",
        "hint": "Answer: received {number}",
        "join": "; ",
    },
}


def receipt_text(
    entries: Sequence[ReceiptEntry], *, bits_of: Callable[[str], int], bits_max: int, language: str = "zh_CN"
) -> tuple[str, tuple[int, ...]]:
    """Return one receipt within ``bits_max`` and the numbers it names, most urgent first as given.

    What does not fit is left out whole and stays owed; a number is never cut. Where not even one number fits, the text is
    empty and so are the numbers. A language without words here is answered in Chinese, which every handset shows.
    """
    words = _WORDS.get(language, _WORDS["zh_CN"])
    for count in range(len(entries), 0, -1):
        text = _compose(entries[:count], words)
        if bits_of(text) <= bits_max:
            return text, tuple(entry.seq for entry in entries[:count])
    for entry in entries[:1]:
        # One number alone in the fewest words; 收到 is true at every level but one.
        text = words["short refused" if entry.level == _REFUSED else "short"].format(numbers=entry.seq)
        if bits_of(text) <= bits_max:
            return text, (entry.seq,)
    return "", ()


def _compose(entries: Sequence[ReceiptEntry], words: dict[str, str]) -> str:
    """Put the sentences together: calls for help, other reports, what the centre has, what has to be sent again."""
    delivered = [entry.seq for entry in entries if entry.level == _DELIVERED]
    refused = [entry.seq for entry in entries if entry.level == _REFUSED]
    kept = [entry for entry in entries if entry.level not in (_DELIVERED, _REFUSED)]
    calls = [entry.seq for entry in kept if entry.precedence == FLASH]
    others = [entry.seq for entry in kept if entry.precedence != FLASH]
    parts = []
    if calls:
        parts.append(words["sos"].format(numbers=_list(calls)))
    if others:
        parts.append(words["one" if len(others) == 1 else "many"].format(numbers=_list(others), count=len(others)))
    if delivered:
        parts.append(words["delivered"].format(numbers=_list(delivered)))
    if refused:
        parts.append(words["refused"].format(numbers=_list(refused)))
    return words["join"].join(parts)


def _list(numbers: list[int]) -> str:
    return ",".join(str(number) for number in numbers)


def order_text(number: int, text: str, *, kind: str = "command", language: str = "zh_CN") -> str:
    """Return a text as its receiver sees it: an order with its number, anything else as it is. Never cut."""
    if kind != "command":
        return text
    return _WORDS.get(language, _WORDS["zh_CN"])["order"].format(number=number, text=text)


def answer_hint(number: int, language: str = "zh_CN") -> str:
    """Return how to answer an order, for the end of one or for a person who asks."""
    return _WORDS.get(language, _WORDS["zh_CN"])["hint"].format(number=number)
