"""What a short message carries, whatever the protocol: Chinese, code or mixed (reference/beidou.md 2.3, 2.4, 3.3, 5.3)."""

import enum
import re
from dataclasses import dataclass
from typing import Any, Self

from protocols.beidou.errors import FrameError
from protocols.beidou.position import POSITION_LEAD, PositionReport

CHARSET = "gb18030"
"""GB2312, GBK and GB18030 are used interchangeably by authors; the last contains the others."""
MIXED_LEAD = 0xA4
"""First byte of mixed text."""
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
    """压缩汉字 (BDS-3), received only: the algorithm is UNCONFIRMED."""
    CODE_COMPRESSED = "code-compressed"
    """压缩代码 (BDS-3), received only."""


_HEX = re.compile(rb"[0-9A-Fa-f]*")
_SEPARATORS = {ord(","): "，", ord("*"): "﹡"}
"""Written for the separators of a sentence in Chinese content: A3 AC and A9 7E (2.1, 1.1)."""
_ONE_BYTE = re.compile(r"[\x00-\x7f]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def encode_text(text: str) -> bytes:
    """Return the GB18030 bytes of a text; raise FrameError for what has none (lone surrogates)."""
    try:
        return text.encode(CHARSET)
    except UnicodeEncodeError as error:
        raise FrameError("bad text", f"character {error.start} of the text cannot be written in {CHARSET}") from None


def decode_text(data: bytes) -> str:
    """Return the text of GB18030 bytes; what is none is replaced by U+FFFD."""
    return data.decode(CHARSET, "replace")


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
        """Code a text as Chinese or mixed; raise FrameError.

        Without ``encoding``: Chinese when every character takes two bytes, else mixed, which keeps every character as
        it is. As Chinese, ``,`` and ``*`` become ， and ﹡, since they separate fields.
        """
        data = encode_text(text)
        if encoding is None:
            two_bytes_each = len(data) == 2 * len(text) and not _ONE_BYTE.search(text)
            encoding = Encoding.HANZI if text and two_bytes_each else Encoding.MIXED
        if encoding is Encoding.HANZI:
            if _CONTROL.search(text):
                raise FrameError("bad text", "a control character (new line?) cannot be sent as Chinese, use mixed")
            return cls(encoding, encode_text(text.translate(_SEPARATORS)))
        if encoding is Encoding.MIXED:
            return cls(encoding, data)
        raise FrameError("bad encoding", f"text is sent as hanzi or mixed, not as {encoding}")

    @classmethod
    def of_bytes(cls, data: bytes) -> Self:
        """Carry bytes as code (no A4 overhead); raise FrameError when they start with A0 to A4."""
        if data[:1] and data[0] in RESERVED_LEADS:
            raise FrameError(
                "reserved lead byte", f"bytes sent as code must not start with {data[0]:02X}: receivers read A0 to A4"
            )
        return cls(Encoding.CODE, data)

    @classmethod
    def of_digits(cls, digits: str) -> Self:
        """Carry hex digits as code; raise FrameError."""
        if not digits.isascii() or not _HEX.fullmatch(digits.encode()):
            raise FrameError("bad code", f"found {digits[:40]!r}, code is the digits 0 to 9 and A to F")
        odd = len(digits) % 2 == 1
        return cls(Encoding.CODE, bytes.fromhex(digits + "0" * odd), odd=odd)

    @classmethod
    def of_position(cls, report: PositionReport) -> Self:
        """Carry a position report as code, A0 first (3.7)."""
        return cls(Encoding.CODE, report.to_bytes())

    @property
    def text(self) -> str | None:
        """The text of Chinese and mixed content (undecodable bytes replaced), None for code and compressed content."""
        if self.encoding in (Encoding.HANZI, Encoding.MIXED) or self.error:
            return decode_text(self.data)
        return None

    @property
    def code(self) -> str:
        """The digits of code content, upper case."""
        digits = self.data.hex().upper()
        return digits[:-1] if self.odd else digits

    @property
    def position(self) -> PositionReport | None:
        """The position report in the content, or None."""
        if self.encoding in (Encoding.CODE, Encoding.MIXED) and self.data[:1] == POSITION_LEAD and not self.odd:
            try:
                return PositionReport.from_bytes(self.data)
            except FrameError:
                return None
        return None

    def to_ascii(self) -> bytes:
        """Return the content field of an ASCII sentence; raise FrameError for content that cannot stand there."""
        if self.error:
            raise FrameError("bad payload", self.error)
        if self.encoding is Encoding.CODE:
            return self.code.encode()
        if self.encoding is Encoding.MIXED:
            return (b"A4" if self.a4 else b"") + self.data.hex().upper()[: -1 if self.odd else None].encode()
        if b"," in self.data or b"*" in self.data:
            raise FrameError("bad payload", "Chinese content cannot have , or * inside, they separate fields")
        return self.data

    @classmethod
    def from_ascii(cls, encoding: Encoding | None, content: bytes) -> Self:
        """Read the content field of an ASCII sentence; what is wrong with it is told in ``error``."""
        if encoding is None:
            return cls(Encoding.MIXED, content, a4=False, error="the encoding number is not known")
        if encoding not in (Encoding.CODE, Encoding.MIXED):
            return cls(encoding, content)
        if not _HEX.fullmatch(content):
            return cls(encoding, content, a4=False, error="not hex digits")
        odd = len(content) % 2 == 1
        data = bytes.fromhex(content.decode() + "0" * odd)
        a4 = encoding is Encoding.MIXED and data[:1] == bytes([MIXED_LEAD]) and len(content) > 1
        if encoding is Encoding.MIXED:
            return cls(encoding, data[1:] if a4 else data, odd=odd, a4=a4)
        return cls(encoding, data, odd=odd)

    def to_bits(self, *, spare: int = 0) -> tuple[int, bytes]:
        """Return bit length and content of a 4.0 message (3.3); ``spare`` fills an odd code's last nibble."""
        if self.error:
            raise FrameError("bad payload", self.error)
        if self.encoding is Encoding.HANZI:
            return 8 * len(self.data), self.data
        if self.encoding is Encoding.CODE:
            if self.odd:
                return 8 * len(self.data) - 4, self.data[:-1] + bytes([self.data[-1] & 0xF0 | spare])
            return 8 * len(self.data), self.data
        if self.encoding is Encoding.MIXED and self.a4:
            return 8 * (len(self.data) + 1), bytes([MIXED_LEAD]) + self.data
        raise FrameError("bad encoding", f"4.0 has no {self.encoding} content without A4 or compressed")

    @classmethod
    def from_bits(cls, bits: int, content: bytes, *, chinese: bool) -> Self:
        """Read the content of a 4.0 message: mixed is told from code by its first byte only (3.3)."""
        if chinese:
            return cls(Encoding.HANZI, content)
        if content[:1] == bytes([MIXED_LEAD]):
            return cls(Encoding.MIXED, content[1:])
        odd = bits % 8 in (1, 2, 3, 4)
        return cls(Encoding.CODE, content[:-1] + bytes([content[-1] & 0xF0]) if odd else content, odd=odd)

    def to_fields(self) -> dict[str, Any]:
        """Return the JSON fields of the content; the encoding itself stands beside them in its protocol's notation."""
        shown: dict[str, Any] = {"data_hex": self.data.hex().upper(), "data_len": len(self.data)}
        if self.encoding is Encoding.CODE and not self.error:
            shown["code"] = self.code
            shown["bytes_if_even"] = None if self.odd else self.code
        if self.encoding is Encoding.MIXED:
            shown["a4"] = self.a4
        if self.text is not None:
            shown["text"] = self.text
        if self.error:
            shown["payload_error"] = self.error
        if self.position is not None:
            shown["position"] = self.position.to_fields()
        return shown

    @classmethod
    def from_fields(cls, encoding: Encoding, fields: dict[str, Any]) -> Self:
        """Read the JSON fields; ``data_hex`` or ``code`` before ``text``, which must then agree. Raise FrameError."""
        text = fields.get("text")
        if text is not None and not isinstance(text, str):
            raise FrameError("bad field", f"text: found {text!r}, write a text")
        if encoding is Encoding.CODE and "code" in fields:
            payload = cls.of_digits(_hex_field(fields, "code"))
        elif "data_hex" in fields:
            payload = cls(encoding, _data_field(fields), a4=fields.get("a4") is not False)
        elif text is not None:
            return cls.of_text(text, encoding)
        else:
            raise FrameError("missing field", "a message needs text, code or data_hex")
        if text is not None and payload.text != text:
            raise FrameError(
                "fields disagree", f"text: found {text!r}, data_hex says {payload.text!r}; give one of them"
            )
        return payload


def _hex_field(fields: dict[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise FrameError("bad field", f"{name}: found {value!r}, write hex digits")
    return value


def _data_field(fields: dict[str, Any]) -> bytes:
    digits = _hex_field(fields, "data_hex")
    if len(digits) % 2 or not digits.isascii() or not _HEX.fullmatch(digits.encode()):
        raise FrameError("bad field", f"data_hex: found {digits[:40]!r}, write an even number of hex digits")
    return bytes.fromhex(digits)
