"""What the store may raise; the class names the caller's next step. Texts say what, where, what was found, what to do."""

from __future__ import annotations


class StoreError(Exception):
    """Base of the store's errors. Whatever was asked for did not happen and must not be acknowledged."""


class StoreFull(StoreError):
    """A declared cap is reached and nothing may be shed for this newcomer. Tell its author to try again later."""


class StoreFailed(StoreError):
    """The disk did not do its part (full, read-only, input/output error, damaged). Nothing of it was kept; try later."""


class StoreBusy(StoreError):
    """More is waiting for the store than may wait. Slow down."""


class StoreLocked(StoreError):
    """Another process has the store open. Stop it, or configure another path."""
