"""Just enough SVG for our plots: shapes in pixels, texts escaped by the standard library, hatches for what has no colour.

No chart library: ADR 0014 says which were looked at.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

if TYPE_CHECKING:
    from collections.abc import Sequence

INK, PALE, GRID = "#222222", "#666666", "#dddddd"
FONT = "sans-serif"
WIDE = frozenset("WF")
"""East Asian widths of characters that are as wide as high."""

CHAR_EM, WIDE_EM = 0.56, 1.0
"""Width of a character in parts of the font's size, for layout: a viewer's own font may differ a little."""


def text_width(text: str, size: float) -> float:
    """Return about how wide a text is."""
    return size * sum(WIDE_EM if unicodedata.east_asian_width(char) in WIDE else CHAR_EM for char in text)


class Canvas:
    """A picture that grows downwards; coordinates are pixels from the upper left corner."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self._root = Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "width": _number(width),
                "height": _number(height),
                "viewBox": f"0 0 {_number(width)} {_number(height)}",
                "font-family": FONT,
                "role": "img",
            },
        )
        SubElement(self._root, "title").text = _clean(title)
        self._defs = SubElement(self._root, "defs")
        self.rect(0, 0, width, height, fill="#ffffff")

    def rect(self, x: float, y: float, width: float, height: float, *, fill: str, stroke: str = "none") -> None:
        """Fill a rectangle."""
        self._add("rect", x=x, y=y, width=max(0.0, width), height=max(0.0, height), fill=fill, stroke=stroke)

    def line(self, x1: float, y1: float, x2: float, y2: float, *, stroke: str = GRID, width: float = 1.0) -> None:
        """Draw a straight line."""
        shape = self._add("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=stroke)
        shape.set("stroke-width", _number(width))

    def curve(self, points: Sequence[tuple[float, float]], *, stroke: str, width: float, dash: str) -> None:
        """Draw a line through points."""
        places = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        shape = self._add("polyline", points=places, fill="none", stroke=stroke)
        shape.set("stroke-width", _number(width))
        shape.set("stroke-linejoin", "round")
        if dash:
            shape.set("stroke-dasharray", dash)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 13,
        anchor: str = "start",
        fill: str = INK,
        bold: bool = False,
    ) -> None:
        """Write a text; ``y`` is its base line, ``anchor`` is start, middle or end."""
        shape = self._add("text", x=x, y=y, fill=fill)
        shape.set("font-size", _number(size))
        shape.set("text-anchor", anchor)
        if bold:
            shape.set("font-weight", "bold")
        shape.text = _clean(text)

    def hatch(self, name: str, colour: str) -> str:
        """Define oblique lines on white, once; return the fill to use."""
        if self._defs.find(f"./pattern[@id='{name}']") is None:
            pattern = SubElement(self._defs, "pattern", {"id": name, "width": "5", "height": "5"})
            pattern.set("patternUnits", "userSpaceOnUse")
            pattern.set("patternTransform", "rotate(45)")
            SubElement(pattern, "rect", {"width": "5", "height": "5", "fill": "#ffffff"})
            SubElement(pattern, "rect", {"width": "2", "height": "5", "fill": colour})
        return f"url(#{name})"

    def to_text(self) -> str:
        """Return the picture as an SVG document."""
        indent(self._root, "")
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(self._root, encoding="unicode") + "\n"

    def _add(self, tag: str, **attributes: float | str) -> Element:
        given = {name: value if isinstance(value, str) else _number(value) for name, value in attributes.items()}
        return SubElement(self._root, tag, given)


def _number(value: float) -> str:
    """Return a figure short: pixels have one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def _clean(text: str) -> str:
    """Return a text without the control characters that XML does not know."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
