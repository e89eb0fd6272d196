"""Expiry, pruning and the store's own proof of life."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gateway.observe.log import logger
from gateway.store.errors import StoreFailed

if TYPE_CHECKING:
    from gateway.daemon.core import Core

EVERY_S = 10.0
EXPIRE_STEP = 500
STORE_WITHIN_S = 120.0
"""The store must complete a transaction at least this often, or the watchdog ends us."""

log = logger("gateway.store")


async def keep_house(core: Core) -> None:
    """Serve until cancelled: close what has outlived its lifetime, tidy a little, prove that the store writes."""
    core.progress.expect("store", within_s=STORE_WITHIN_S)
    failing = False
    while True:
        try:
            expired = await core.store.run(lambda outbox: outbox.expire(core.now_s(), EXPIRE_STEP))
            more = await core.store.run(lambda outbox: outbox.maintain(core.now_s()))
        except StoreFailed as error:
            if not failing:
                log.error("store cannot write", why=str(error))
            failing = True
            core.progress.beat("store")  # it answers; ending the process would not give it room
            await asyncio.sleep(EVERY_S)
            continue
        if failing:
            log.info("store writes again")
            failing = False
        core.progress.beat("store")
        if expired:
            for bundle in expired[:20]:
                log.warning("expired", bundle=bundle.id, precedence=bundle.precedence.name, why=bundle.reason)
            log.warning("expired in all", count=len(expired))
            core.wake_all()
        await asyncio.sleep(0.05 if more or len(expired) == EXPIRE_STEP else EVERY_S)
