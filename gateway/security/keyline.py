"""A pair key as one line, to be photographed or typed: ``YZK1:`` and Crockford's base32.

    own id 3 | peer id 3 | suite 1 | generation 2 | serial 4 | secret 32 | own name | peer name | CRC-32 4    bytes

A name is its length (one byte) and its letters; length 0 stands for the name that `keys.unnamed` gives to an id. The version is the
1 of ``YZK1``. Everything is in the alphanumeric set of QR codes. In Crockford's alphabet (www.crockford.com/base32.html) small
letters count as capitals, O as 0, I and L as 1; spaces, line breaks and hyphens may stand anywhere. One character is five
bits and the CRC finds every burst up to 32, so each mistyped character and each swap of neighbours is noticed.
"""

from __future__ import annotations

import base64
import binascii
import struct
import unicodedata

from gateway.security.errors import KeyLineError, KeyValueError
from gateway.security.keys import NAME_CHARS_MAX, End, PairKey, unnamed
from gateway.security.secret import Secret

PREFIX = "YZK1:"
LINE_CHARS_MAX = 1024
"""What is looked at; the longest line has 190 characters, the rest is room for spaces."""
GROUP_CHARS = 5

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RFC_4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_TO_CROCKFORD = str.maketrans(_RFC_4648, _CROCKFORD)
_FROM_CROCKFORD = str.maketrans(_CROCKFORD + "OIL", _RFC_4648 + "ABB")
_DIGITS = frozenset(_CROCKFORD + "OIL")
_IGNORED = str.maketrans("", "", " \t\r\n-")
_HEAD = struct.Struct(">3s3sBHI32s")
_CRC_BYTES = 4
_BYTES_MIN = _HEAD.size + 2 + _CRC_BYTES
_BYTES_MAX = _HEAD.size + 2 * (1 + NAME_CHARS_MAX) + _CRC_BYTES


def format_line(key: PairKey) -> str:
    """Return the line, without hyphens: what a QR code holds."""
    head = _HEAD.pack(
        key.own.id.to_bytes(3), key.peer.id.to_bytes(3), key.suite, key.generation, key.serial, key.secret.reveal()
    )
    body = head + _name_bytes(key.own) + _name_bytes(key.peer)
    whole = body + binascii.crc32(body).to_bytes(_CRC_BYTES)
    return PREFIX + base64.b32encode(whole).decode().rstrip("=").translate(_TO_CROCKFORD)


def grouped(line: str) -> str:
    """Return a line with a hyphen after every five characters, as it is easier to type."""
    body = line.removeprefix(PREFIX)
    return PREFIX + "-".join(body[at : at + GROUP_CHARS] for at in range(0, len(body), GROUP_CHARS))


def is_line(text: str) -> bool:
    """Tell whether this was meant as a key line of any version."""
    return unicodedata.normalize("NFKC", text[:64]).lstrip().upper().startswith("YZK")


def parse_line(text: str, where: str) -> PairKey:
    """Return the key; raise KeyLineError, which names ``where`` and nothing of the line."""
    if len(text) > LINE_CHARS_MAX:
        raise KeyLineError(f"{where}: longer than {LINE_CHARS_MAX} characters, which no key line is")
    line = unicodedata.normalize("NFKC", text).translate(_IGNORED).upper()  # an input method's full-width letters too
    if not line.startswith(PREFIX):
        raise KeyLineError(f"{where}: no key line of this version: it does not begin with {PREFIX}")
    data = _decoded(line.removeprefix(PREFIX), where)
    body, crc = data[:-_CRC_BYTES], data[-_CRC_BYTES:]
    if binascii.crc32(body).to_bytes(_CRC_BYTES) != crc:
        raise KeyLineError(f"{where}: mistyped, its check does not fit; compare it once more, group by group")
    try:
        return _key_of(body)
    except KeyValueError as error:
        why = str(error)
    raise KeyLineError(f"{where}: {why}")


def _decoded(digits: str, where: str) -> bytes:
    strange = next((at for at, char in enumerate(digits) if char not in _DIGITS), None)
    if strange is not None:
        raise KeyLineError(
            f"{where}: character {strange + 1} after {PREFIX} (in group {strange // GROUP_CHARS + 1} of five) is none that "
            "a key line has: digits, and letters without U"
        )
    size, spare_bits = divmod(len(digits) * 5, 8)
    if spare_bits >= 5 or not _BYTES_MIN <= size <= _BYTES_MAX:
        raise KeyLineError(
            f"{where}: {len(digits)} characters after {PREFIX}, which no key line has; is a part missing?"
        )
    rfc_4648 = digits.translate(_FROM_CROCKFORD)
    if _RFC_4648.index(rfc_4648[-1]) & ((1 << spare_bits) - 1):
        raise KeyLineError(f"{where}: mistyped in the last character; compare it once more")
    return base64.b32decode(rfc_4648 + "=" * (-len(digits) % 8))


def _key_of(body: bytes) -> PairKey:
    own_id, peer_id, suite, generation, serial, secret = _HEAD.unpack_from(body)
    own_name, rest = _taken_name(body[_HEAD.size :])
    peer_name, rest = _taken_name(rest)
    if rest:
        raise KeyValueError("more in it than a key line has; this yizhan may be too old for it")
    own = End(int.from_bytes(own_id), own_name or unnamed(int.from_bytes(own_id)))
    peer = End(int.from_bytes(peer_id), peer_name or unnamed(int.from_bytes(peer_id)))
    return PairKey(own, peer, Secret(secret), serial, suite, generation)


def _name_bytes(end: End) -> bytes:
    name = b"" if end.name == unnamed(end.id) else end.name.encode()
    return len(name).to_bytes(1) + name


def _taken_name(rest: bytes) -> tuple[str, bytes]:
    """Return the name at the beginning of ``rest`` and what follows it."""
    size = rest[0] if rest else 0
    if not rest or size > len(rest) - 1:
        raise KeyValueError("a name in it is cut short; the line was made by something else than yizhan")
    try:
        return rest[1 : 1 + size].decode("ascii"), rest[1 + size :]
    except UnicodeDecodeError:
        pass
    raise KeyValueError(
        "a name in it is not made of letters and digits; the line was made by something else than yizhan"
    )
