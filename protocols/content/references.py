"""Fields that refer to what both ends know: moments, stations, numbers of earlier messages, area codes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from protocols.content.errors import ContentError
from protocols.content.moments import moment_of, text_of

if TYPE_CHECKING:
    from protocols.content.context import Scope
    from protocols.content.strand import Reader, Sink

MOMENT_BITS = 39
ALL = "ALL"
NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
NUMBER_BITS = 60


@dataclass(frozen=True)
class Moment:
    """When a message was made: seconds after the beginning of the operation, or before it."""

    def fits(self, value: Any, scope: Scope) -> bool:
        del scope
        return isinstance(value, str) and moment_of(value) is not None

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        moment_s = moment_of(value)
        assert moment_s is not None, "only what fits is put"
        after_s = moment_s - scope.since_s
        sink.symbol(f"{name}.before", int(after_s < 0), 2)
        sink.number(name, abs(after_s), MOMENT_BITS)

    def get(self, reader: Reader, name: str, scope: Scope) -> str:
        sign = -1 if reader.symbol(f"{name}.before", 2) else 1
        return text_of(scope.since_s + sign * reader.number(name, MOMENT_BITS))


@dataclass(frozen=True)
class Until:
    """A moment after the message was made: so many half hours after its minute, full hours, minutes or seconds later."""

    FORMS = ((60, 1800), (1, 3600), (60, 60), (1, 1))
    """Base (the message's moment rounded down to it) and step, seconds."""

    def _form(self, value: Any, scope: Scope) -> tuple[int, int] | None:
        until_s = moment_of(value) if isinstance(value, str) else None
        if until_s is None:
            return None
        for form, (base, step) in enumerate(self.FORMS):
            after_s = until_s - (scope.moment_s - scope.moment_s % base)
            if after_s >= 0 and after_s % step == 0:
                return form, after_s // step
        return None

    def fits(self, value: Any, scope: Scope) -> bool:
        return self._form(value, scope) is not None

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        form = self._form(value, scope)
        assert form is not None, "only what fits is put"
        sink.symbol(f"{name}.form", form[0], len(self.FORMS))
        sink.number(f"{name}.{form[0]}", form[1], MOMENT_BITS)

    def get(self, reader: Reader, name: str, scope: Scope) -> str:
        form = reader.symbol(f"{name}.form", len(self.FORMS))
        base, step = self.FORMS[form]
        steps = reader.number(f"{name}.{form}", MOMENT_BITS)
        return text_of(scope.moment_s - scope.moment_s % base + steps * step)


@dataclass(frozen=True)
class Station:
    """Who: one of the record's ends, the headquarters, everybody, a station of the operation or registry, or its name."""

    FORMS = 7
    SOURCE, DESTINATION, HEADQUARTERS, EVERYBODY, HERE, REGISTERED, NAMED = range(FORMS)

    def fits(self, value: Any, scope: Scope) -> bool:
        del scope
        return isinstance(value, str)

    def _form(self, value: str, scope: Scope) -> int:
        operation = scope.operation
        forms = {ALL: self.EVERYBODY, scope.ends.source: self.SOURCE, scope.ends.destination: self.DESTINATION}
        if operation is not None and operation.headquarters:
            forms.setdefault(operation.headquarters, self.HEADQUARTERS)
        if value in forms:
            return forms[value]
        if operation is not None and value in operation.numbers:
            return self.HERE
        return self.REGISTERED if value in scope.shared.numbers else self.NAMED

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        form = self._form(value, scope)
        sink.symbol(f"{name}.who", form, self.FORMS)
        if form == self.HERE:
            assert scope.operation is not None, "a station here is one of an operation"
            sink.uniform(scope.operation.numbers[value], len(scope.operation.stations))
        elif form == self.REGISTERED:
            sink.uniform(scope.shared.numbers[value], len(scope.shared.stations))
        elif form == self.NAMED:
            sink.text(value)

    def get(self, reader: Reader, name: str, scope: Scope) -> str:
        form = reader.symbol(f"{name}.who", self.FORMS)
        operation = scope.operation
        known = {self.SOURCE: scope.ends.source, self.DESTINATION: scope.ends.destination, self.EVERYBODY: ALL}
        if operation is not None:
            known[self.HEADQUARTERS] = operation.headquarters
        if form in known:
            return known[form]
        if form == self.HERE and operation is not None and operation.stations:
            return operation.stations[reader.uniform(len(operation.stations))]
        if form == self.REGISTERED and scope.shared.stations:
            return scope.shared.stations[reader.uniform(len(scope.shared.stations))]
        if form == self.NAMED:
            return reader.text()
        raise ContentError("content: refers to an operation or registry that is not shared; compare the revisions")


@dataclass(frozen=True)
class MessageId:
    """An id ``station-number``: of this very message, whose number is the record's counter, or of an earlier one."""

    own: bool = False
    FORMS = 3
    COUNTED, NUMBERED, TEXT = range(FORMS)

    def _split(self, value: str) -> tuple[str, int] | None:
        who, dash, number = value.rpartition("-")
        return (who, int(number)) if dash and NUMBER.fullmatch(number) else None

    def fits(self, value: Any, scope: Scope) -> bool:
        del scope
        return isinstance(value, str)

    def _source(self, scope: Scope) -> str | None:
        source = scope.values.get("src")
        return source if isinstance(source, str) else None

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        parts = self._split(value)
        if self.own and parts == (self._source(scope), scope.ends.counter):
            sink.symbol(f"{name}.form", self.COUNTED, self.FORMS)
        elif parts is not None and (not self.own or parts[0] == self._source(scope)):
            sink.symbol(f"{name}.form", self.NUMBERED, self.FORMS)
            if not self.own:
                Station().put(sink, name, parts[0], scope)
            sink.number(name, parts[1], NUMBER_BITS)
        else:
            sink.symbol(f"{name}.form", self.TEXT, self.FORMS)
            sink.text(value)

    def get(self, reader: Reader, name: str, scope: Scope) -> str:
        form = reader.symbol(f"{name}.form", self.FORMS)
        if form == self.TEXT:
            return reader.text()
        who = self._source(scope) if self.own else Station().get(reader, name, scope)
        number = scope.ends.counter if form == self.COUNTED else reader.number(name, NUMBER_BITS)
        return f"{who}-{number}"


@dataclass(frozen=True)
class Coded:
    """A text that begins with the operation's area code and goes on with digits: a village's code, a sensor's name."""

    prefix: str = ""
    groups: tuple[int, ...] = (3, 3)
    """Lengths of the groups of digits behind the area code, each coded as a number."""

    def fits(self, value: Any, scope: Scope) -> bool:
        del scope
        return isinstance(value, str)

    def _forms(self, scope: Scope) -> tuple[str, ...]:
        area = "" if scope.operation is None else scope.operation.area
        return (self.prefix + area, self.prefix) if area else (self.prefix,)

    def _parts(self, value: str, scope: Scope) -> tuple[int, list[int]] | None:
        for form, begin in enumerate(self._forms(scope)):
            digits = value[len(begin) :]
            if not value.startswith(begin) or len(digits) != sum(self.groups):
                continue
            if digits.isascii() and digits.isdigit():
                return form, self._numbers(digits)
        return None

    def _numbers(self, digits: str) -> list[int]:
        numbers, place = [], 0
        for length in self.groups:
            numbers.append(int(digits[place : place + length]))
            place += length
        return numbers

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        parts = self._parts(value, scope)
        area = "" if scope.operation is None else scope.operation.area
        if parts is not None:
            sink.symbol(f"{name}.form", parts[0], 4)
            for place, number in enumerate(parts[1]):
                sink.symbol(f"{name}.{place}", number * 50 // 10 ** self.groups[place], 50)
                sink.uniform(number % (10 ** self.groups[place] // 50), 10 ** self.groups[place] // 50)
        elif area and value == self.prefix + area:
            sink.symbol(f"{name}.form", 2, 4)
        else:
            sink.symbol(f"{name}.form", 3, 4)
            sink.text(value)

    def get(self, reader: Reader, name: str, scope: Scope) -> str:
        form = reader.symbol(f"{name}.form", 4)
        forms = self._forms(scope)
        if form == 3:
            return reader.text()
        if form == 2:
            return self.prefix + ("" if scope.operation is None else scope.operation.area)
        if form >= len(forms):
            raise ContentError("content: refers to an area code that is not shared; compare the revisions")
        out = forms[form]
        for place, length in enumerate(self.groups):
            width = 10**length // 50
            number = reader.symbol(f"{name}.{place}", 50) * width + reader.uniform(width)
            out += f"{number:0{length}d}"
        return out


@dataclass(frozen=True)
class Expected:
    """A text that usually is what can be worked out from the rest; otherwise itself."""

    what: str
    FORMS = 3
    WHOLE, OTHER_BEGIN, TEXT = range(FORMS)

    def fits(self, value: Any, scope: Scope) -> bool:
        del scope
        return isinstance(value, str)

    def _begin(self, scope: Scope) -> str | None:
        """Return what it begins with by what is shared; None where nothing is."""
        if scope.operation is None:
            return None
        return scope.operation.name if self.what == "area" else scope.operation.area

    def _end(self, scope: Scope) -> str:
        """Return what it ends with by the message itself."""
        if self.what == "area":
            return ""
        stamp = text_of(scope.moment_s).translate({ord(sign): None for sign in "-:TZ"})
        return f"{ALERT_OFFICE}_{stamp}"

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        begin, end = self._begin(scope), self._end(scope)
        if begin is not None and value == begin + end:
            sink.symbol(f"{name}.form", self.WHOLE, self.FORMS)
        elif end and value.endswith(end):
            sink.symbol(f"{name}.form", self.OTHER_BEGIN, self.FORMS)
            sink.text(value.removesuffix(end))
        else:
            sink.symbol(f"{name}.form", self.TEXT, self.FORMS)
            sink.text(value)

    def get(self, reader: Reader, name: str, scope: Scope) -> str:
        form = reader.symbol(f"{name}.form", self.FORMS)
        if form == self.TEXT:
            return reader.text()
        begin = reader.text() if form == self.OTHER_BEGIN else self._begin(scope)
        if begin is None:
            raise ContentError("content: refers to an operation that is not shared; compare the revisions")
        return begin + self._end(scope)


ALERT_OFFICE = "41600000"
"""Issuing office in the identifiers of Chinese early warnings: area code, this, and the moment (tests/corpus)."""
