"""What may leave the record layer. Each class is named for what the caller does next."""

from __future__ import annotations


class RecordError(ValueError):
    """A frame, value or step breaks a rule of the record layer.

    ``reason`` is a short stable phrase for counters and JSON; the text says what was found and what is allowed.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Malformed(RecordError):
    """Not a frame of ours, or a value that no frame has. Drop it and count it; it may be text."""


class UnknownSession(RecordError):
    """No keys for it are held. Ask that peer for a hello, or try another peer's state."""


class BadTag(RecordError):
    """Not authentic under any key held for that peer. Count it; several in a row may mean a lost hello: ask for one."""


class Refused(RecordError):
    """Well formed, but the rules do not allow it. Count it, tell the operator; repeating it does not help."""


class _Known(RecordError):
    """Authentic, but not new: ``counter`` (40 bits) and ``generation`` say which record it is a copy of."""

    def __init__(self, reason: str, detail: str, counter: int, generation: int) -> None:
        super().__init__(reason, detail)
        self.counter = counter
        self.generation = generation


class Replayed(_Known):
    """Accepted before. Do not deliver it; acknowledge it again, since the sender may not have heard it the first time."""


class TooOld(_Known):
    """Authentic, but further back than the window remembers. Neither deliver nor acknowledge it; count it."""


class NotReserved(RecordError):
    """The reserved counters are used up. Reserve a block, have it on disk, then take again."""


class KeyWornOut(RecordError):
    """This key has protected as much as it should. Rotate, or begin a session, then take again."""


class NotConfirmed(RecordError):
    """The peer may not follow. Begin a session and say hello instead."""


class Exhausted(RecordError):
    """No salt, generation or counter is left. Only a new pair secret helps."""
