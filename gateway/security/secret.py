"""A secret in memory: it shows itself to nobody who does not ask for it by name."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, NoReturn

FINGERPRINT_DIGITS = 8
"""Short enough to be read out by radio; long enough that a wrong key is noticed. It proves nothing to a cheat."""

_FINGERPRINT_INTRODUCTION = b"yizhan fingerprint"


class Secret:
    """Bytes that are left out of ``repr``, logs, pickles and comparisons that tell by their time."""

    __slots__ = ("_material",)

    def __init__(self, material: bytes) -> None:
        self._material = bytes(material)

    def reveal(self) -> bytes:
        """Return the bytes themselves."""
        return self._material

    def fingerprint(self) -> str:
        """Return eight hexadecimal digits that may be said aloud: equal for equal secrets, and of no use without them."""
        return hashlib.sha256(_FINGERPRINT_INTRODUCTION + self._material).hexdigest()[:FINGERPRINT_DIGITS]

    def __len__(self) -> int:
        return len(self._material)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._material, other._material)

    def __hash__(self) -> int:
        return hash(self._material)

    def __repr__(self) -> str:
        return f"Secret({len(self._material)} bytes)"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        del memo
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a secret is not pickled")
