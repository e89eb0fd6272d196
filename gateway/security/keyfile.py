"""Key files: a little TOML that says whose key it is, the secret in hex, and a check line over every byte.

# Yizhan key of vehicle-7 for talking with hub. Whoever has it can read and forge what these two say. Mode 600.
format = "yizhan-key-1"
kind = "pair"
own = "vehicle-7"
own_id = 0x000107
peer = "hub"
peer_id = 0x000001
suite = 1
generation = 0
issued = 2026-05-12T03:00:00Z
secret = "…64 hexadecimal digits…"
check = "…16 hexadecimal digits…"
"""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from gateway.observe.escape import printable
from gateway.security.checked import with_check, without_check
from gateway.security.errors import KeyFileError, KeyValueError
from gateway.security.keys import End, GroupKey, Key, PairKey, RootKey, hex_id, issued, serial_at
from gateway.security.private import read_private
from gateway.security.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

KEY_FILE_BYTES_MAX = 4096
FORMAT = "yizhan-key-1"

_FIELDS = {
    "root": ("format", "kind", "issued", "secret"),
    "pair": ("format", "kind", "own", "own_id", "peer", "peer_id", "suite", "generation", "issued", "secret"),
    "group": ("format", "kind", "group_id", "generation", "issued", "secret"),
}
_HEX = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)
_ANY_FORMAT = re.compile(rb'^format = "yizhan-key-(\d{1,4})"', re.MULTILINE)

T = TypeVar("T")


def format_key(key: Key) -> bytes:
    """Return the file of a key."""
    match key:
        case RootKey():
            word = "Yizhan root key. Whoever has it has every key of this network. Keep it off the gateways; mode 600."
            lines = ['kind = "root"']
        case PairKey(own=own, peer=peer):
            word = (
                f"Yizhan key of {own.name} for talking with {peer.name}. Whoever has it can read and forge what these "
                "two say. Mode 600."
            )
            lines = [
                'kind = "pair"',
                f'own = "{own.name}"',
                f"own_id = {hex_id(own.id)}",
                f'peer = "{peer.name}"',
                f"peer_id = {hex_id(peer.id)}",
                f"suite = {key.suite}",
                f"generation = {key.generation}",
            ]
        case GroupKey():
            word = "Yizhan group key. Whoever has it can read and forge what this group says. Mode 600."
            lines = ['kind = "group"', f"group_id = {hex_id(key.group_id)}", f"generation = {key.generation}"]
    lines = [f"# {word}", f'format = "{FORMAT}"', *lines, f"issued = {issued(key.serial):%Y-%m-%dT%H:%M:%SZ}"]
    return with_check("\n".join([*lines, f'secret = "{key.secret.reveal().hex()}"']) + "\n")


def parse_key(raw: bytes, where: str) -> Key:
    """Return the key in a file's bytes; raise KeyFileError, which names ``where`` and never what is secret."""
    if len(raw) > KEY_FILE_BYTES_MAX:
        raise KeyFileError(f"{where}: longer than {KEY_FILE_BYTES_MAX} bytes, which no key file is")
    version = _ANY_FORMAT.search(raw)
    if version is None:
        raise KeyFileError(
            f'{where}: no key file: there is no line format = "{FORMAT}"; name a file made by yizhan key'
        )
    if version[0] != f'format = "{FORMAT}"'.encode():
        raise KeyFileError(
            f"{where}: a key file of version {int(version[1])}, this program reads 1; install a newer yizhan, or the "
            "file is damaged"
        )
    table = _table(without_check(raw, where), where)
    try:
        return _key_of(table)
    except KeyValueError as error:
        why = str(error)
    raise KeyFileError(f"{where}: {why}")


def read_key(path: Path, *, group_may_read: bool = False) -> Key:
    """Return the key in a private file; raise KeyFileError, or NotPrivate when others can read it."""
    return parse_key(read_private(path, KEY_FILE_BYTES_MAX, group_may_read=group_may_read), str(path))


def read_root(path: Path, *, group_may_read: bool = False) -> RootKey:
    """Return the root key in a private file; raise KeyFileError, also for a key of another kind."""
    key = read_key(path, group_may_read=group_may_read)
    if not isinstance(key, RootKey):
        raise KeyFileError(
            f"{path}: a {kind_word(key)} key, and the root key is needed; name the file of yizhan key init"
        )
    return key


def kind_word(key: Key) -> str:
    """Return the word for a key's kind as it stands in its file."""
    return "root" if isinstance(key, RootKey) else "pair" if isinstance(key, PairKey) else "group"


def _table(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        pass  # raised below: this error would carry the text
    raise KeyFileError(f"{where}: not TOML; take another copy")


def _key_of(table: dict[str, Any]) -> Key:
    kind = _field(table, "kind", str)
    fields = _FIELDS.get(kind)
    if fields is None:
        raise KeyValueError(f"kind: found '{printable(kind[:20])}'; known are {', '.join(_FIELDS)}")
    if strange := sorted(table.keys() - set(fields)):
        raise KeyValueError(f"{printable(strange[0][:20])}: a {kind} key has no such line")
    secret, serial = _secret(table), serial_at(_moment(table))
    if kind == "root":
        return RootKey(secret, serial)
    generation = _field(table, "generation", int)
    if kind == "group":
        return GroupKey(_field(table, "group_id", int), generation, secret, serial)
    own = End(_field(table, "own_id", int), _field(table, "own", str))
    peer = End(_field(table, "peer_id", int), _field(table, "peer", str))
    return PairKey(own, peer, secret, serial, _field(table, "suite", int), generation)


def _field(table: dict[str, Any], name: str, kind: type[T]) -> T:
    value = table.get(name)
    if value is None:
        raise KeyValueError(f"{name}: is missing")
    if type(value) is not kind:  # a TOML boolean would pass as a number
        raise KeyValueError(f"{name}: found a {type(value).__name__}; write a {kind.__name__}")
    return value


def _secret(table: dict[str, Any]) -> Secret:
    digits = _field(table, "secret", str)
    if not _HEX.fullmatch(digits):
        raise KeyValueError(f"secret: found {len(digits)} characters that are not pairs of hexadecimal digits")
    return Secret(bytes.fromhex(digits))


def _moment(table: dict[str, Any]) -> datetime:
    moment = _field(table, "issued", datetime)
    if moment.tzinfo is None or moment.microsecond:
        raise KeyValueError("issued: write whole seconds with a zone, as 2026-05-12T03:00:00Z")
    return moment.astimezone(UTC)
