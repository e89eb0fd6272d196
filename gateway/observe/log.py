"""Logs: one JSON object a line on stderr, or a readable console on a terminal; the journal's priority when it listens.

The first argument of a log call is its *event*: a short English name that never changes (``link lost``), so that it can
be searched for; what varies goes into named fields. Text from the air is data in a field, never part of the event. Fields
whose name says that they are secret are not written, whatever their value.
"""

from __future__ import annotations

import json as jsonlib
import logging
import math
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO, cast

import structlog

from gateway.clock import SystemClock
from gateway.observe.escape import json_escaped, printable

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

FIELD_CHARS_MAX = 4000
"""Longest text of one field; a dozen of them still fit journald's line limit of 48 KiB."""

DEPTH_MAX = 4
"""Deepest nesting of a field that is written out."""

ITEMS_MAX = 100
"""Most entries of one list or mapping that are written out."""

REDACTED = "***"
_SECRET_WORDS = frozenset({"password", "passwd", "passphrase", "key", "keys", "secret", "secrets", "token", "tokens"})
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_URL_PASSWORD = re.compile(r"(://[^/@:\s]{0,256}:)[^/@\s]{1,256}@")

_JOURNAL_PRIORITY = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}


def configure(level: str = "info", json: bool | None = None) -> None:
    """Set up logging for this process: own loggers from ``level`` on, libraries from warning on.

    ``json`` None decides by whether stderr is a terminal. Raises KeyError for an unknown level.
    """
    level_number = logging.getLevelNamesMapping()[level.upper()]
    as_json = not sys.stderr.isatty() if json is None else json
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _clean_fields,
            _json_renderer(for_journal=_goes_to_journal(sys.stderr)) if as_json else _render_console,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level_number),
        logger_factory=lambda *_: _Sink(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_LibraryHandler()]
    root.setLevel(max(level_number, logging.WARNING) if level_number > logging.DEBUG else logging.DEBUG)
    logging.captureWarnings(capture=True)


def logger(name: str) -> FilteringBoundLogger:
    """Return the logger of one part; ``name`` is the field ``logger`` of its lines."""
    return cast("FilteringBoundLogger", structlog.get_logger(logger_name=name))


class _LibraryHandler(logging.Handler):
    """Passes what libraries log through the standard module (paho, asyncio) on into the same stream."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = f"{record.msg} {record.args}"  # their mistake in formatting is no reason to lose the line
        logger(record.name).log(max(record.levelno, logging.DEBUG), message, exc_info=record.exc_info)


class _Sink:
    """Writes whole lines. A log that cannot be written must not stop the gateway."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass  # stderr closed or full: nowhere left to say so

    debug = info = warning = error = critical = exception = log = msg


def _clean_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {str(name): _clean(str(name), value, 0) for name, value in event.items()}


def _clean(name: str, value: Any, depth: int) -> Any:
    """Return ``value`` as plain JSON values, secrets blanked, bounded in length, number and depth."""
    if _secret(name):
        return REDACTED
    if depth < DEPTH_MAX and isinstance(value, Mapping):
        return {str(key): _clean(str(key), item, depth + 1) for key, item in list(value.items())[:ITEMS_MAX]}
    if depth < DEPTH_MAX and isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(name, item, depth + 1) for item in list(value)[:ITEMS_MAX]]
    return _clean_scalar(value)


def _clean_scalar(value: Any) -> str | float | None:
    """Return numbers as they are and everything else as bounded text; bytes as hex."""
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, (bytes, bytearray)):
        return _bounded(value[:FIELD_CHARS_MAX].hex(" "))
    return _bounded(str(value) if isinstance(value, str) else repr(value))


def _secret(name: str) -> bool:
    """Tell whether one of the words of this field's name says that its value is secret."""
    return any(word.lower() in _SECRET_WORDS for word in _WORD.findall(name))


def _bounded(text: str) -> str:
    text = _URL_PASSWORD.sub(rf"\1{REDACTED}@", text) if "://" in text else text
    return text if len(text) <= FIELD_CHARS_MAX else f"{text[:FIELD_CHARS_MAX]}… ({len(text)} characters)"


def _json_renderer(*, for_journal: bool) -> Processor:
    """Return the renderer of JSON lines; the journal takes ``<priority>`` off the front and files the line under it."""

    def render(_: WrappedLogger, __: str, event: EventDict) -> str:
        level = event.pop("level")
        line = {
            "time": _now(),
            "level": level,
            "logger": event.pop("logger_name", ""),
            "event": event.pop("event"),
            **event,
        }
        prefix = f"<{_JOURNAL_PRIORITY[level]}>" if for_journal else ""
        return prefix + json_escaped(jsonlib.dumps(line, ensure_ascii=False))

    return render


def _render_console(_: WrappedLogger, __: str, event: EventDict) -> str:
    """Render for a person: time, level, event, fields; a traceback indented below, so that no text can pose as a line."""
    level, name, said = event.pop("level"), event.pop("logger_name", ""), event.pop("event")
    trace = str(event.pop("exception", ""))
    words = [f"{_now()[11:19]} {level:<8} {printable(str(said))}"]
    words += [f"{printable(key)}={_console_value(value)}" for key, value in event.items()]
    first = "  ".join([*words, f"[{printable(str(name))}]"])
    return "\n".join([first, *(f"    {printable(line)}" for line in trace.splitlines())])


def _console_value(value: Any) -> str:
    """Return a value as one word, in quotes when it has spaces."""
    if isinstance(value, str) and value and not any(char in value for char in ' "='):
        return printable(value)
    return printable(jsonlib.dumps(value, ensure_ascii=False))


def _now() -> str:
    return datetime.fromtimestamp(SystemClock().wall_s(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _goes_to_journal(stream: TextIO) -> bool:
    """Tell whether ``stream`` is connected to the journal. Source: systemd.exec(5), $JOURNAL_STREAM."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM", "") == f"{status.st_dev}:{status.st_ino}"
