"""Expiry, pruning and the store's own proof of life."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gateway.observe.log import logger
from gateway.store.errors import StoreError

if TYPE_CHECKING:
    from gateway.daemon.core import Core
    from gateway.model import Bundle

EXPIRE_EVERY_S = 30.0
TIDY_EVERY_S = 60.0
IDLE_EVERY_S = 60.0
"""The same as EXPIRE_EVERY_S while nothing can expire so soon: the store need only show that it writes."""
TIDY_IDLE_EVERY_S = 300.0
"""The same as TIDY_EVERY_S when nothing was accepted since."""
TIDY_AGAIN_S = 0.05
"""Pause between two steps while there is more to tidy, so that others get at the store."""

EXPIRE_STEP = 500
TOLD_MAX = 20
"""Expired bundles named in the log at once; all are counted."""

STORE_WITHIN_S = 120.0
"""The store must complete a transaction at least this often, or the watchdog ends us."""

log = logger("gateway.store")


async def keep_house(core: Core) -> None:
    """Serve until cancelled: close what has outlived its lifetime, tidy a little, prove that the store writes."""
    core.progress.expect("store", within_s=STORE_WITHIN_S)
    tidy_at_s, accepted_before = 0.0, -1
    failing = False
    while True:
        try:
            expired, next_s = await core.store.run(
                lambda outbox: (outbox.expire(core.now_s(), EXPIRE_STEP), outbox.next_expiry_s())
            )
            wait_s = IDLE_EVERY_S if next_s is None or next_s > core.now_s() + IDLE_EVERY_S else EXPIRE_EVERY_S
            if expired:
                _tell(core, expired)
            if core.now_s() >= tidy_at_s:
                more = await core.store.run(lambda outbox: outbox.maintain(core.now_s()))
                accepted = core.store.balance.total.accepted
                tidy_s = TIDY_IDLE_EVERY_S if accepted == accepted_before else TIDY_EVERY_S
                accepted_before = accepted
                tidy_at_s = core.now_s() + (TIDY_AGAIN_S if more else tidy_s)
                wait_s = min(wait_s, max(TIDY_AGAIN_S, tidy_at_s - core.now_s()))
        except StoreError as error:
            if not failing:
                log.error("store cannot write", why=str(error))
            failing = True
            core.progress.beat("store")  # it answers; ending the process would not give it room
            await asyncio.sleep(EXPIRE_EVERY_S)
            continue
        if failing:
            log.info("store writes again")
            failing = False
        core.progress.beat("store")
        await asyncio.sleep(TIDY_AGAIN_S if len(expired) == EXPIRE_STEP else wait_s)


def _tell(core: Core, expired: list[Bundle]) -> None:
    for bundle in expired[:TOLD_MAX]:
        log.warning("expired", bundle=bundle.id, precedence=bundle.precedence.name, why=bundle.reason)
    log.warning("expired in all", count=len(expired))
    core.wake_all()
