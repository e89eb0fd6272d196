"""A link's small memory, kept in the store on the timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.observe.log import logger
from gateway.store.errors import StoreError

if TYPE_CHECKING:
    from gateway.daemon.core import Core

log = logger("gateway.links")


class StoredMemory:
    """The LinkMemory of one link. While the disk fails, values are kept here, so that a link can go on relaying."""

    def __init__(self, core: Core, link: str) -> None:
        self._core = core
        self._link = link
        self._unwritten: dict[str, tuple[str, float]] = {}
        """Values that are not on disk, with when they were saved; a link has a handful of keys."""

    async def load(self, key: str) -> tuple[str, float] | None:
        """Return ``(value, age in seconds)``; see LinkMemory."""
        if key in self._unwritten:
            value, saved_s = self._unwritten[key]
            return value, self._core.now_s() - saved_s
        try:
            return await self._core.store.run(lambda outbox: outbox.memory_load(self._link, key, self._core.now_s()))
        except StoreError as error:
            log.warning("link memory not read", link=self._link, which=key, why=str(error))
            return None

    async def save(self, key: str, value: str) -> None:
        """Return when the value is on disk, or kept here because the disk fails."""
        try:
            await self._core.store.run(lambda outbox: outbox.memory_save(self._link, key, value, self._core.now_s()))
            self._unwritten.pop(key, None)
        except StoreError as error:
            log.error("link memory not on disk", link=self._link, which=key, why=str(error))
            self._unwritten[key] = (value, self._core.now_s())
