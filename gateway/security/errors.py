"""What may leave this package. No text, argument or cause of these errors holds a secret."""

from __future__ import annotations

from dataclasses import dataclass


class SecurityError(ValueError):
    """Something about keys cannot be done; the text says where, what was found and what to do."""


class KeyValueError(SecurityError):
    """A name, an id or a number that no key can have."""


class KeyFileError(SecurityError):
    """A file that is missing, damaged, or no key file."""


class KeyFileMissing(KeyFileError):
    """No such file."""


class KeyFileExists(KeyFileError):
    """A file that is there already and is not overwritten."""


class NotPrivate(KeyFileError):
    """A file or directory that somebody else could read or change. Its keys may be known already."""


class KeyLineError(SecurityError):
    """A line that is mistyped, or no key line."""


class KeyringError(SecurityError):
    """A directory of keys that cannot be used as a whole."""


class ImportRefused(SecurityError):
    """Keys that do not fit those already there. Nothing was changed."""


class IssueRefused(SecurityError):
    """More keys than a gateway can hold, or a place that is taken. Nothing was written."""


@dataclass(frozen=True, slots=True)
class ListFault:
    """One thing to mend in a list: the line (counted from 1, 0 for the file as a whole) and what is wrong with it."""

    line: int
    what: str


class StationListError(SecurityError):
    """A list of stations with faults; ``faults`` has the first of them, ``count`` tells how many there are."""

    def __init__(self, where: str, faults: tuple[ListFault, ...], count: int) -> None:
        lines = "; ".join(f"line {fault.line}: {fault.what}" if fault.line else fault.what for fault in faults)
        super().__init__(f"{where}: {lines}" + (f"; and {count - len(faults)} more" if count > len(faults) else ""))
        self.faults = faults
        self.count = count
