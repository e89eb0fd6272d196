"""A link's small memory, kept in the store on the timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.daemon.core import Core


class StoredMemory:
    """The LinkMemory of one link."""

    def __init__(self, core: Core, link: str) -> None:
        self._core = core
        self._link = link

    async def load(self, key: str) -> tuple[str, float] | None:
        """Return ``(value, age in seconds)``; see LinkMemory."""
        return await self._core.store.run(lambda outbox: outbox.memory_load(self._link, key, self._core.now_s()))

    async def save(self, key: str, value: str) -> None:
        """Return when the value is on disk."""
        await self._core.store.run(lambda outbox: outbox.memory_save(self._link, key, value, self._core.now_s()))
