"""Every maximum of the store, by name. What is configurable is a field of Limits; tests shrink them to reach them."""

from __future__ import annotations

from dataclasses import dataclass

WAITING_MAX = 10_000
"""Functions that may wait for the store's thread; beyond it `Store.run` raises StoreBusy."""

BATCH_MAX = 1_000
"""Functions that share one transaction and one fsync; more would make the first of them wait too long."""

ORDER_MEMBERS_MAX = 5_000
"""Members of a group or grid that one order is copied to in one transaction (about 0.2 s of the store's thread)."""

LANES_MAX = 64
"""Different lanes; they are combinations of configured bearers, so a handful in practice."""

HISTORY_EVENTS_MAX = 128
"""History events kept of one bundle: the first HISTORY_FIRST_KEPT and the latest others."""

HISTORY_FIRST_KEPT = 8
"""How it began is what a technician asks for first; it is never trimmed."""

WORDS_CHARS_MAX = 200
"""Longest reason or detail that is stored; longer ones are cut."""

NAME_CHARS_MAX = 256
"""Longest external id, link address or duplicate key (bytes) that is stored."""

OWED_ENTRIES_MAX = 32
"""Receipts to one author handed out together; no bearer's frame takes more."""

RECEIPT_INTERVAL_S = 60.0
"""One receipt a minute at most to one author: the hub's downlink slot is the bottleneck."""

OWED_RETRY_S = 15.0
"""Pause before a receipt that could not be sent is offered again."""

OWED_AGE_S_MAX = 86_400.0
"""A receipt nobody could be given for a day is dropped and counted: its author has long asked again."""

MEMORY_KEYS_MAX = 64
"""Values one link may keep."""

MEMORY_VALUE_CHARS_MAX = 4_096
"""Longest value a link may keep."""

QUARANTINE_MAX = 10_000
"""Damaged records kept for salvage; beyond it they are only counted."""

ASIDE_MAX = 5
"""Unreadable store files kept beside the new one; the oldest makes room."""

SALVAGE_ROWS_MAX = 1_000_000
"""Numbers looked at in an unreadable file, the latest ones: salvage must not keep the gateway from starting."""

STEP_ROWS = 200
"""Rows one idle step of upkeep looks at: some milliseconds on a slow card."""

SWEEP_EVERY_S = 3_600.0
"""Pause between two rounds of looking for damaged records; each round looks at all of them."""

VACUUM_PAGES = 256
"""Free pages given back to the file system in one idle step."""

SHED_STEPS_MAX = 512
"""Bundles shed or forgotten to make room for one newcomer; then it is refused rather than block the store."""

SUPERSEDED_MAX = 8
"""Older reports of one topic that one newcomer looks at; in practice one waits."""

FLASH_RESERVE = 0.05
"""Share of rows and pages that only SOS and FLASH may use, so that an SOS fits into a full store."""

PAGE_BYTES = 4_096
"""SQLite's page size here."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The configurable maxima of one store."""

    bundles_max: int = 1_000_000
    """Open bundles; 95 % of it for everything that is no SOS and not FLASH."""
    pages_max: int = 524_288
    """File size in pages of PAGE_BYTES (2 GiB); keep it below the free space, a really full disk jams the queue."""
    forget_after_s: float = 7 * 86_400.0
    """How long a closed bundle is kept for `explain`."""
    duplicates_max: int = 2_000_000
    """Entries of the duplicate window; at the cap the one that ends first makes room."""
    owed_max: int = 100_000
    """Receipts owed to authors; at the cap the oldest of the least urgent makes room."""
    stations_max: int = 1_000_000
    """Entries of the registry; they cost disk and no memory (bench/scale.py)."""
    receipt_interval_s: float = RECEIPT_INTERVAL_S
    """Least time between two receipts to one author."""
    places_max: int = 1_000_000
    """Last known places; at the cap the oldest makes room."""

    def __post_init__(self) -> None:
        """Raise ValueError for a cap that leaves no room for anything."""
        for name, least in (("bundles_max", 1), ("pages_max", 256), ("duplicates_max", 1), ("owed_max", 1)):
            found = getattr(self, name)
            if found < least:
                raise ValueError(f"store.{name}: found {found}, at least {least} is needed")
