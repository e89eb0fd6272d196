"""A key as a QR code in the terminal, two modules a character."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass

_BRIGHT_ON_BLACK = "\x1b[38;5;231;48;5;16m"
_AS_BEFORE = "\x1b[0m"
QUIET_MODULES = 4
"""Light border that the standard asks for (ISO/IEC 18004, section 6.3.8)."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lines of blocks, light modules drawn and dark ones left blank, as it is right on a dark background."""

    lines: tuple[str, ...]

    @property
    def columns(self) -> int:
        """Width on a terminal."""
        return max(map(len, self.lines))

    def fits(self) -> bool:
        """Tell whether the terminal is wide enough; a broken line makes the code unreadable."""
        return self.columns <= shutil.get_terminal_size().columns

    def coloured(self) -> str:
        """Return the drawing with its colours fixed, for a terminal of any."""
        return "\n".join(f"{_BRIGHT_ON_BLACK}{line}{_AS_BEFORE}" for line in self.lines)

    def plain(self) -> str:
        """Return the drawing without colours."""
        return "\n".join(self.lines)


def drawing_of(text: str) -> Drawing:
    """Return the code of a text; a key line comes out in the alphanumeric mode, 45 or 49 modules wide."""
    import qrcode  # type: ignore[import-untyped]  # published without types

    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, border=QUIET_MODULES)
    code.add_data(text, optimize=0)  # one mode throughout: digits of a key are too scattered to gain by changing it
    code.make()
    out = io.StringIO()
    code.print_ascii(out=out, invert=True)
    return Drawing(tuple(line.replace("\u00a0", " ") for line in out.getvalue().splitlines()))
