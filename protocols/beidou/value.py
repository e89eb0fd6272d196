"""What every wire value can do: bytes to value and back, value to JSON fields and back, without losing notation."""

import dataclasses
from typing import Any, ClassVar, Self, get_type_hints

from protocols.beidou.errors import FrameError

SELF_DESTRUCT = (b"CCZHS", b"$ZHSQ", b"$JJZH")
"""Commands that destroy the card or the module (自毁): there is no way to send them."""


def refuse_self_destruct(wire: bytes) -> bytes:
    """Return ``wire``, or raise FrameError if a terminal could read a self-destruct command in it."""
    for command in SELF_DESTRUCT:
        if command in wire:
            raise FrameError("self-destruct refused", f"{command.decode()} destroys the card and is never sent")
    return wire


_LAYOUTS: dict[type, tuple[tuple[str, Any], ...]] = {}
_REQUIRED: dict[type, frozenset[str]] = {}


def layout(cls: type) -> tuple[tuple[str, Any], ...]:
    """Return the wire fields of a class in order: name and the codec of its annotation."""
    if cls not in _LAYOUTS:
        hints = get_type_hints(cls, include_extras=True)
        found = []
        for field in dataclasses.fields(cls):
            codecs = [entry for entry in getattr(hints[field.name], "__metadata__", ()) if hasattr(entry, "from_json")]
            if codecs:
                found.append((field.name, codecs[0]))
        _LAYOUTS[cls] = tuple(found)
    return _LAYOUTS[cls]


def _required(cls: type) -> frozenset[str]:
    if cls not in _REQUIRED:
        none = dataclasses.MISSING
        needed = (f.name for f in dataclasses.fields(cls) if f.default is none and f.default_factory is none)
        _REQUIRED[cls] = frozenset(needed)
    return _REQUIRED[cls]


@dataclasses.dataclass(frozen=True, slots=True)
class WireValue:
    """A sentence or frame as a value. Subclasses list their fields in wire order.

    ``as_received`` is the wire form it was read from: notation the values do not carry (``02`` for 2, lower-case hex,
    a spare nibble) is sent on unchanged. It takes no part in comparison, and a changed copy no longer uses it.
    """

    PROTOCOL: ClassVar[str]
    KIND: ClassVar[str]
    HIDDEN: ClassVar[frozenset[str]] = frozenset()
    """Wire fields that the JSON form shows by others."""
    as_received: bytes = dataclasses.field(default=b"", kw_only=True, compare=False, repr=False)

    @classmethod
    def from_wire(cls, wire: bytes) -> Self:
        """Read one whole sentence or frame of this class; raise FrameError."""
        raise NotImplementedError

    def canonical_wire(self) -> bytes:
        """Return the wire form built from the values alone; raise FrameError for a value its document does not allow."""
        raise NotImplementedError

    def to_wire(self) -> bytes:
        """Return the wire form: as received where the values still say so, else :meth:`canonical_wire`."""
        if self.as_received and type(self).from_wire(self.as_received) == self:
            return refuse_self_destruct(self.as_received)
        return self.canonical_wire()

    def to_fields(self) -> dict[str, Any]:
        """Return the JSON form. ``raw_hex`` is added when the other fields alone would not give the same bytes."""
        fields = self._show()
        if self.as_received:
            try:
                same = type(self).from_fields(fields).canonical_wire() == self.as_received
            except FrameError:
                same = False
            if not same:
                fields["raw_hex"] = self.as_received.hex().upper()
        return fields

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Read the JSON form, ignoring keys it does not know; raise FrameError.

        With ``raw_hex`` the wire form is taken from there and every other field must agree with it.
        """
        if "raw_hex" not in fields:
            return cls(**cls._read(fields))
        try:
            value = cls.from_wire(bytes.fromhex(fields["raw_hex"]))
        except (TypeError, ValueError) as error:
            if isinstance(error, FrameError):
                raise
            raise FrameError("bad field", f"raw_hex: found {fields['raw_hex']!r}, write hex digits") from None
        for name, shown in value._show().items():
            if name in fields and fields[name] != shown:
                raise FrameError(
                    "fields disagree",
                    f"{name}: found {fields[name]!r}, raw_hex says {shown!r}; drop raw_hex to use the fields",
                )
        return value

    def _show(self) -> dict[str, Any]:
        """Return the JSON fields: the wire's own, then the derived ones."""
        shown = {n: codec.to_json(getattr(self, n)) for n, codec in layout(type(self)) if n not in self.HIDDEN}
        return shown | self._derived()

    def _derived(self) -> dict[str, Any]:
        """Return JSON fields that are computed from the wire's fields or stand for hidden ones."""
        return {}

    @classmethod
    def _complete(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """Return ``fields`` with the hidden ones computed from what stands for them."""
        return fields

    @classmethod
    def _read(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """Return constructor arguments from JSON fields."""
        return read_fields(cls, fields)

    @classmethod
    def _field(cls, name: str, convert: Any, value: Any) -> Any:
        """Return ``convert(value)``, with the field's name in the error."""
        try:
            return convert(value)
        except FrameError as error:
            raise FrameError(error.reason, f"{cls.KIND} {name}: {error.detail}") from None


def read_fields(cls: type[WireValue], fields: dict[str, Any]) -> dict[str, Any]:
    """Return the constructor arguments for the wire fields of a class; raise FrameError naming the field."""
    fields = cls._complete(fields)
    values = {}
    for name, codec in layout(cls):
        if name in fields:
            values[name] = cls._field(name, codec.from_json, fields[name])
        elif name in _required(cls):
            raise FrameError("missing field", f"{cls.KIND}: {name} is needed")
    return values


def no_card_as_zero(fields: dict[str, Any]) -> dict[str, Any]:
    """Return ``fields`` with the null of a missing card as the wire's 0."""
    return fields | {"card": 0} if "card" in fields and fields["card"] is None else fields
