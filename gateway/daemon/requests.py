"""Reading the requests of the control socket: plain JSON values, each fault with advice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


class OperationError(ValueError):
    """A request that cannot be done; ``code`` is a stable English word."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def text_of(request: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """Return a text, which must not be empty unless there is a default; raise OperationError."""
    value = request.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        raise OperationError("refused", f"{key}: found {value!r}, write a text")
    return value


def list_of(kind: type[T], request: Mapping[str, Any], key: str) -> tuple[T, ...]:
    """Return a list whose values are all of one type, empty where there is none; raise OperationError."""
    values = request.get(key, [])
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise OperationError("refused", f"{key}: found {values!r}, write a list of {kind.__name__}")
    return tuple(values)
