"""Messages to content and back: which model, what comes first, and the way out for everything the schema does not know."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from protocols.content.context import Scope, Shared
from protocols.content.errors import ContentError, RevisionDiffers, UnknownModel
from protocols.content.fields import is_whole, known_or_error
from protocols.content.model import PLAIN
from protocols.content.moments import moment_of
from protocols.content.receipts import get_receipt, put_receipt
from protocols.content.references import MessageId, Moment, Station
from protocols.content.strand import Reader, Writer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from protocols.content.context import Ends, Operation
    from protocols.content.fields import Kind
    from protocols.content.model import ContentModel
    from protocols.content.receipts import Receipt
    from protocols.content.schema import MessageType, Schema
    from protocols.content.strand import Sink

JsonObject = dict[str, Any]

AGREED, BARE, NAMED = range(3)
"""Form of a content: with the model of the sender's hello and what both ends share; with that model and nothing shared;
or with a model named here, and then whether with what is shared."""

FORM_ENDS = (0, 60, 62, 64)
"""Running sums of their chances. They stand before any model is known, so no model decides them."""

MESSAGE, RECEIPT, BOTH, BATCH, NOTHING = range(5)
PARTS = 5

THERE, ABSENT, AS_JSON = range(3)
"""How a field stands: as its kind codes it, not at all, or as JSON text because its kind cannot hold it."""

COMMON = ("type", "ts", "src", "dst", "prio", "id")
BATCH_MAX = 63
EXTRA_FIELDS_MAX = 63
DEPTH_MAX = 40
"""Deepest nesting of JSON in a field that no kind holds."""


NOTHING_SHARED = Shared()


@dataclass(frozen=True)
class Content:
    """What one content says: a message, several of them, a receipt, or a receipt with a message."""

    message: JsonObject | None = None
    receipt: Receipt | None = None
    batch: tuple[JsonObject, ...] = ()

    def __post_init__(self) -> None:
        """Raise ContentError for a batch beside a message, or one that is too long."""
        if self.batch and (self.message is not None or self.receipt is not None):
            raise ContentError("content: a batch goes alone")
        if len(self.batch) > BATCH_MAX:
            raise ContentError(f"content: found {len(self.batch)} messages, a batch has at most {BATCH_MAX}")


class ContentCodec:
    """Codes contents with one shared configuration and the models at hand."""

    def __init__(self, models: Mapping[int, ContentModel], shared: Shared, words: Sequence[str] = ()) -> None:
        """Take models by id; PLAIN (no model) is always at hand. ``words`` are shared too, so a bare content knows none."""
        self._models = {PLAIN.id: PLAIN, **models}
        self._taught = (
            {number: model.taught(words) for number, model in self._models.items()} if words else self._models
        )
        self._shared = shared

    def encode(
        self, content: Content, ends: Ends, model_id: int, agreed: int | None = None, *, bare: bool = False
    ) -> bytes:
        """Return the content's bytes, coded with ``model_id``; ``agreed`` is what the receiver takes for granted.

        ``bare`` uses nothing shared, for a receiver whose revision is another or not known.

        Every field comes back equal; what no kind of the schema holds goes as JSON text. Raises ContentError for
        what JSON has no form for, UnknownModel for a model that is not here.
        """
        model = self._model(model_id, bare=bare)
        writer = Writer(model)
        if agreed is None or model_id == agreed:
            writer.fixed(BARE if bare else AGREED, FORM_ENDS)
        else:
            writer.fixed(NAMED, FORM_ENDS)
            writer.uniform(model_id, 1 << 16)
            writer.uniform(int(bare), 2)
        Passage(writer, model.schema, NOTHING_SHARED if bare else self._shared, ends).put(content)
        return writer.finish()

    def decode(self, data: bytes, ends: Ends, agreed: int, *, shares: bool = True) -> Content:
        """Return what the bytes say. Raises ContentError, and UnknownModel (keep the bytes) for a model not here.

        ``shares`` is whether the sender's revision is ours; RevisionDiffers tells that this content needs it to be.
        """
        first = Reader(PLAIN, data)
        form = first.fixed(FORM_ENDS)
        number, bare = agreed, form == BARE
        if form == NAMED:
            number, bare = first.uniform(1 << 16), bool(first.uniform(2))
        model = self._model(number, bare=bare)
        if not bare and not shares:
            raise RevisionDiffers
        reader = Reader(model, data)
        reader.fixed(FORM_ENDS)
        if form == NAMED:
            reader.uniform(1 << 16)
            reader.uniform(2)
        return Opening(reader, model.schema, NOTHING_SHARED if bare else self._shared, ends).get()

    def _model(self, model_id: int, *, bare: bool) -> ContentModel:
        if model_id not in self._models:
            raise UnknownModel(model_id)
        return (self._models if bare else self._taught)[model_id]


class Passage:
    """Writes one content."""

    def __init__(self, sink: Sink, schema: Schema, shared: Shared, ends: Ends) -> None:
        self._sink = sink
        self._schema = schema
        self._shared = shared
        self._ends = ends

    def put(self, content: Content) -> None:
        """Write the parts."""
        if content.batch:
            self._sink.symbol("parts", BATCH, PARTS)
            self._sink.number("batch.count", len(content.batch), BATCH_MAX.bit_length())
            earlier_s = None
            for message in content.batch:
                earlier_s = self.put_message(message, earlier_s)
            return
        parts = {(True, False): MESSAGE, (False, True): RECEIPT, (True, True): BOTH, (False, False): NOTHING}
        self._sink.symbol("parts", parts[content.message is not None, content.receipt is not None], PARTS)
        if content.receipt is not None:
            put_receipt(self._sink, content.receipt)
        if content.message is not None:
            self.put_message(content.message)

    def put_message(self, message: JsonObject, earlier_s: int | None = None) -> int:
        """Write one message and return its moment; in a batch ``earlier_s`` is that of the one before."""
        kind = message.get("type")
        number = self._schema.number_of(kind) if isinstance(kind, str) else None
        types = self._schema.types
        self._sink.symbol("type", len(types) if number is None else number, len(types) + 1)
        if number is None:
            self._sink.text(json_text(kind) if "type" in message else "")
        scope = self._scope(message, "other" if number is None else types[number].name)
        scope.earlier_s = earlier_s
        for name, common in COMMON_KINDS:
            self._put_slot(name, common, message, scope)
            if name == "ts":
                scope.moment_s = _moment_s(message, scope)
        slots = () if number is None else types[number].slots
        for slot in slots:
            self._put_slot(slot.name, slot.kind, message, scope)
        known = {"type", *(name for name, _ in COMMON_KINDS), *(slot.name for slot in slots)}
        extra = {name: value for name, value in message.items() if name not in known}
        self._put_extra(extra)
        return scope.moment_s

    def _scope(self, message: JsonObject, kind: str) -> Scope:
        usual = self._shared.operation_between(self._ends.source, self._ends.destination)
        chosen = choose_operation(self._shared, message, usual)
        operations = self._shared.operations
        self._sink.symbol("operation.other", int(chosen != usual), 2)
        if chosen != usual:
            self._sink.uniform(chosen, len(operations))
        return Scope(self._shared, self._ends, operations[chosen] if operations else None, kind)

    def _put_slot(self, name: str, kind: Kind, message: JsonObject, scope: Scope) -> None:
        full = full_name(scope, name)
        if name not in message:
            self._sink.symbol(f"{full}.stands", ABSENT, 3)
            return
        value = message[name]
        if kind.fits(value, scope):
            self._sink.symbol(f"{full}.stands", THERE, 3)
            kind.put(self._sink, full, value, scope)
        else:
            self._sink.symbol(f"{full}.stands", AS_JSON, 3)
            self._sink.text(json_text(value))
        scope.values[name] = value

    def _put_extra(self, extra: JsonObject) -> None:
        if len(extra) > EXTRA_FIELDS_MAX:
            raise ContentError(f"message: found {len(extra)} fields of no schema, at most {EXTRA_FIELDS_MAX} travel")
        self._sink.number("extra.count", len(extra), EXTRA_FIELDS_MAX.bit_length())
        for name, value in extra.items():
            self._sink.text(name)
            self._sink.text(json_text(value))


class Opening:
    """Reads one content."""

    def __init__(self, reader: Reader, schema: Schema, shared: Shared, ends: Ends) -> None:
        self._reader = reader
        self._schema = schema
        self._shared = shared
        self._ends = ends

    def get(self) -> Content:
        """Read the parts."""
        parts = self._reader.symbol("parts", PARTS)
        if parts == BATCH:
            count = self._reader.number("batch.count", BATCH_MAX.bit_length())
            batch: list[JsonObject] = []
            earlier_s = None
            for _ in range(count):
                one, earlier_s = self.get_message(earlier_s)
                batch.append(one)
            return Content(batch=tuple(batch))
        receipt = get_receipt(self._reader) if parts in (RECEIPT, BOTH) else None
        message = self.get_message()[0] if parts in (MESSAGE, BOTH) else None
        return Content(message=message, receipt=receipt)

    def get_message(self, earlier_s: int | None = None) -> tuple[JsonObject, int]:
        """Read one message and its moment; in a batch ``earlier_s`` is that of the one before."""
        message: JsonObject = {}
        types = self._schema.types
        number = self._reader.symbol("type", len(types) + 1)
        message_type: MessageType | None = types[number] if number < len(types) else None
        if message_type is not None:
            message["type"] = message_type.name
        else:
            told = self._reader.text()
            if told:
                message["type"] = json_value(told)
        scope = self._scope("other" if message_type is None else message_type.name)
        scope.earlier_s = earlier_s
        for name, common in COMMON_KINDS:
            self._get_slot(name, common, message, scope)
            if name == "ts":
                scope.moment_s = _moment_s(message, scope)
        for slot in () if message_type is None else message_type.slots:
            self._get_slot(slot.name, slot.kind, message, scope)
        for _ in range(self._reader.number("extra.count", EXTRA_FIELDS_MAX.bit_length())):
            name = self._reader.text()
            message[name] = json_value(self._reader.text())
        return message, scope.moment_s

    def _scope(self, kind: str) -> Scope:
        operations = self._shared.operations
        number = self._shared.operation_between(self._ends.source, self._ends.destination)
        if self._reader.symbol("operation.other", 2):
            if not operations:
                raise ContentError("content: refers to an operation, none is shared; compare the revisions")
            number = self._reader.uniform(len(operations))
        operation: Operation | None = known_or_error(number, operations, "operation") if operations else None
        return Scope(self._shared, self._ends, operation, kind)

    def _get_slot(self, name: str, kind: Kind, message: JsonObject, scope: Scope) -> None:
        full = full_name(scope, name)
        stands = self._reader.symbol(f"{full}.stands", 3)
        if stands == ABSENT:
            return
        value = kind.get(self._reader, full, scope) if stands == THERE else json_value(self._reader.text())
        message[name] = scope.values[name] = value


class Precedence:
    """The number of a precedence, 0 (SOS) to 3."""

    def fits(self, value: Any, scope: Scope) -> bool:
        del scope
        return is_whole(value) and 0 <= value < 4

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        del scope
        sink.symbol(name, value, 4)

    def get(self, reader: Reader, name: str, scope: Scope) -> int:
        del scope
        return reader.symbol(name, 4)


COMMON_KINDS: tuple[tuple[str, Kind], ...] = (
    ("ts", Moment()),
    ("src", Station()),
    ("dst", Station()),
    ("prio", Precedence()),
    ("id", MessageId(own=True)),
)
"""Fields that every message has, in order of coding."""


ALIKE = frozenset({"ts", "src", "id"})
"""Common fields whose values do not depend on the type of message."""


def full_name(scope: Scope, name: str) -> str:
    """Return the name under which the model knows a field's symbols."""
    if name not in ALIKE:
        return f"{scope.kind}.{name}"
    return f"any.{name}" if scope.earlier_s is None else f"next.{name}"


def choose_operation(shared: Shared, message: JsonObject, usual: int) -> int:
    """Return the operation to code a message in: the usual one unless its place lies in another's box."""
    place = message.get("pos")
    if not isinstance(place, dict):
        cap = message.get("cap")
        place = cap.get("circle") if isinstance(cap, dict) else None
    lat, lon = (place.get("lat"), place.get("lon")) if isinstance(place, dict) else (None, None)
    if not isinstance(lat, float) or not isinstance(lon, float) or not shared.operations:
        return usual
    if shared.operations[usual].holds(lat, lon):
        return usual
    return next((number for number, one in enumerate(shared.operations) if one.holds(lat, lon)), usual)


def _moment_s(message: JsonObject, scope: Scope) -> int:
    told = message.get("ts")
    moment_s = moment_of(told) if isinstance(told, str) else None
    return scope.since_s if moment_s is None else moment_s


def json_text(value: Any) -> str:
    """Return a JSON value as compact text; raise ContentError for what JSON has no form for, or too deep a nesting."""
    _check_depth(value)
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ContentError(f"message: a value cannot be written as JSON: {error}") from None


def json_value(text: str) -> Any:
    """Read a JSON value; raise ContentError."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ContentError(f"content: a field that is no JSON ({error}); the bytes are none of ours") from None
    _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    """Raise ContentError for nesting beyond DEPTH_MAX, on every machine alike and whatever its stack holds."""
    level = [value]
    for _ in range(DEPTH_MAX + 1):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return
    raise ContentError(f"message: a field is nested more than {DEPTH_MAX} deep; flatten it")


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()
