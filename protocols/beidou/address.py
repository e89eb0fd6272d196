"""User addresses (用户地址, 卡号): compared as integers, kept as written (reference/beidou.md sections 2 and 5)."""

from typing import Any, Self

from protocols.beidou.errors import FrameError

ADDRESS_21_BITS_MAX = 0x1FFFFF
"""Largest BD-2 address; BDS-3 devices use larger ones even in 2.1 mode."""
ADDRESS_MAX = 99_999_999
"""Largest address seen: eight digits."""
ADDRESS_DIGITS = 7
"""Digits sent: zero-padded to seven, eight only when the number needs them."""
ADDRESS_DIGITS_MAX = 11
"""One BDS-3 vendor pads to eleven digits."""


class Address(int):
    """An address read from an ASCII sentence: equal to its number, printed with the zeros it came with."""

    digits: str

    def __new__(cls, digits: str) -> Self:
        """Read 1 to 11 digits; raise FrameError."""
        if not (digits.isascii() and digits.isdigit() and len(digits) <= ADDRESS_DIGITS_MAX):
            raise FrameError("bad address", f"found {digits!r}, an address is 1 to 8 digits")
        self = super().__new__(cls, digits)
        if self > ADDRESS_MAX:
            raise FrameError("bad address", f"found {digits!r}, the largest address is {ADDRESS_MAX}")
        self.digits = digits
        return self

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]  # int gives itself; copies need the digits
        """Copy and pickle by the digits."""
        return (self.digits,)


def address_digits(address: int) -> str:
    """Return how an address is written in a sentence: as it came, else zero-padded to seven digits."""
    if isinstance(address, Address):
        return address.digits
    if not 0 <= address <= ADDRESS_MAX:
        raise FrameError("bad address", f"found {address}, an address is 0 to {ADDRESS_MAX}")
    return f"{address:0{ADDRESS_DIGITS}d}"


def address_from_json(value: Any) -> int:
    """Read an address given as a number or as digits; raise FrameError."""
    if isinstance(value, str):
        return Address(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if isinstance(value, Address) else Address(address_digits(value))
    raise FrameError("bad address", f"found {value!r}, write the address as digits")
