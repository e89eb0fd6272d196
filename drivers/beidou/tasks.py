"""Running things side by side so that the first to end ends all, with its own error and not a group of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from gateway.link import LinkError

if TYPE_CHECKING:
    from collections.abc import Coroutine


async def until_one_ends(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all; when one ends, end the others and raise what it raised. Nothing is left running, cancelled or not.

    Of several errors at one moment a bug goes before a LinkError.
    """
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        errors = [error for task in tasks if not task.cancelled() and (error := task.exception()) is not None]
    assert ended
    if errors:
        raise min(errors, key=lambda error: isinstance(error, LinkError))
