"""A few small values that links keep across restarts: a card's slot, a counter block."""

from __future__ import annotations

from gateway.store.errors import StoreError
from gateway.store.limits import MEMORY_KEYS_MAX, MEMORY_VALUE_CHARS_MAX
from gateway.store.records import BadRecord, checked, name, sealed
from gateway.store.shelf import Shelf


class Memory(Shelf):
    """The part of the outbox's file that remembers for links."""

    def memory_load(self, link: str, key: str, now_s: float) -> tuple[str, float] | None:
        """Return a value and the seconds since it was saved."""
        rows = self._db.execute("SELECT * FROM memory WHERE link = ? AND key = ?", (name(link), name(key))).fetchall()
        if not rows:
            return None
        try:
            _, _, value, at_s = checked(rows[0])
        except BadRecord as error:
            self._quarantine("memory", rows[0], str(error))
            self._db.execute("DELETE FROM memory WHERE link = ? AND key = ?", (name(link), name(key)))
            return None
        return value, max(0.0, now_s - at_s)

    def memory_save(self, link: str, key: str, value: str, now_s: float) -> None:
        """Keep a value. Raise StoreError for one too long or one too many."""
        if len(value) > MEMORY_VALUE_CHARS_MAX:
            raise StoreError(f"memory of {link}: {key} has {len(value)} characters, at most {MEMORY_VALUE_CHARS_MAX}")
        rows = self._db.execute("SELECT key FROM memory WHERE link = ?", (name(link),)).fetchall()
        if len(rows) >= MEMORY_KEYS_MAX and (name(key),) not in rows:
            raise StoreError(f"memory of {link}: {len(rows)} values are kept, at most {MEMORY_KEYS_MAX}; not {key}")
        self._db.execute(
            "INSERT OR REPLACE INTO memory VALUES (?, ?, ?, ?, ?)", sealed(name(link), name(key), value, float(now_s))
        )
