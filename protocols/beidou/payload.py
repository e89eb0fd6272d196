"""What a short message carries, whatever the protocol: Chinese, code or mixed (reference/beidou.md 2.3, 2.4, 3.3, 5.3)."""

import enum
from dataclasses import dataclass
from typing import Self

from protocols.beidou.errors import FrameError

CHARSET = "gb18030"
"""GB2312, GBK and GB18030 are used interchangeably by authors; the last contains the others."""
MIXED_LEAD = 0xA4
"""First byte of mixed text."""
POSITION_LEADS = (0xA0, 0xA1)
"""First byte of a position report."""
RESERVED_LEADS = range(0xA0, 0xA5)
"""A binary protocol sent as code must not start with these: receivers read them as something else."""


class Encoding(enum.StrEnum):
    """How the content is coded; the words of the JSON form. Wire numbers differ by protocol."""

    HANZI = "hanzi"
    """汉字: raw GBK bytes."""
    CODE = "code"
    """代码: hex digits, four bits each."""
    MIXED = "mixed"
    """混合: A4, then GBK bytes."""
    HANZI_COMPRESSED = "hanzi-compressed"
    """压缩汉字 (BDS-3), received only."""
    CODE_COMPRESSED = "code-compressed"
    """压缩代码 (BDS-3), received only."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The content of a message.

    ``data``: GBK bytes for Chinese, the bytes after the A4 for mixed, the digits packed high nibble first for code.
    ``odd``: the last nibble of ``data`` is padding. ``a4``: mixed only, the A4 was there. ``error``: why the content
    could not be read as its encoding says; ``data`` is then the raw content.
    """

    encoding: Encoding
    data: bytes
    odd: bool = False
    a4: bool = True
    error: str = ""

    @classmethod
    def of_text(cls, text: str, encoding: Encoding | None = None) -> Self:
        """Code a text; without ``encoding`` the one that spends fewest bits is chosen. Raise FrameError."""
        raise NotImplementedError

    @classmethod
    def of_bytes(cls, data: bytes) -> Self:
        """Carry bytes as code (no A4 overhead); raise FrameError when they start with A0 to A4."""
        raise NotImplementedError

    @classmethod
    def of_digits(cls, digits: str) -> Self:
        """Carry hex digits as code; raise FrameError."""
        raise NotImplementedError

    @property
    def text(self) -> str | None:
        """The text of Chinese and mixed content (undecodable bytes replaced), None for code."""
        raise NotImplementedError

    @property
    def code(self) -> str:
        """The digits of code content, upper case."""
        raise NotImplementedError


_ = FrameError
