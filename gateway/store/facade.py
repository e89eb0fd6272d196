"""The asynchronous face of the store: `await store.run(function)` returns when the function's work is on disk.

One thread owns the connection. While it waits for the disk, what else wants to be stored gathers, and shares the next
transaction: the fsync itself makes the batch, no delay is added.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from gateway.store.commit import Done, commit
from gateway.store.errors import StoreBusy, StoreFailed
from gateway.store.limits import BATCH_MAX, WAITING_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.clock import Timeline
    from gateway.store.opening import OpenFile
    from gateway.store.outbox import Outbox

T = TypeVar("T")

STOPPING = "store: it is closed; the gateway is stopping"


class Store:
    """One open store file. Make it with gateway.store.opening.open_store."""

    def __init__(self, file: OpenFile, timeline: Timeline) -> None:
        self._file = file
        self.timeline = timeline
        self._waiting: deque[tuple[Callable[[Outbox], Any], asyncio.Future[Any]]] = deque()
        self._drain_task: asyncio.Task[None] | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="yizhan-store")
        self._closed = False
        self.commits = 0
        """Transactions so far."""
        self.balance = file.outbox.balance()
        """The balance as of the last commit; safe to read from the loop's thread."""

    def now_s(self) -> float:
        """Return the timeline now."""
        return self.timeline.now_s()

    async def run(self, function: Callable[[Outbox], T]) -> T:
        """Run a function on the outbox and return its value once that is on disk.

        The function runs on the store's thread: it must not block, and must touch nothing but the outbox. Its own
        errors are raised here and undo only its own changes. Raises StoreFailed when the disk fails (nothing kept) and
        StoreBusy when WAITING_MAX functions wait already. Cancelling before its turn means that it never runs.
        """
        if self._closed:
            raise StoreFailed(STOPPING)
        if len(self._waiting) >= WAITING_MAX:
            raise StoreBusy(f"store: {len(self._waiting)} requests wait for the disk, at most {WAITING_MAX} may")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append((function, future))
        if self._drain_task is None or self._drain_task.done():
            self._drain_task = loop.create_task(self._drain(), name="store")
            self._drain_task.add_done_callback(self._drained)
        return await future

    @property
    def waiting(self) -> int:
        """Return how many functions wait for the store's thread."""
        return len(self._waiting)

    async def _drain(self) -> None:
        while batch := self._next_batch():
            await self._commit(batch)

    def _drained(self, task: asyncio.Task[None]) -> None:
        """Answer whoever still waits when the loop shuts down: a cancelled task may not even have begun."""
        if task.cancelled():
            left = list(self._waiting)
            self._waiting.clear()
            self._answer(left, [Done(error=StoreFailed(STOPPING))] * len(left))

    def _next_batch(self) -> list[tuple[Callable[[Outbox], Any], asyncio.Future[Any]]]:
        batch: list[tuple[Callable[[Outbox], Any], asyncio.Future[Any]]] = []
        while self._waiting and len(batch) < BATCH_MAX:
            function, future = self._waiting.popleft()
            if not future.done():
                batch.append((function, future))
        return batch

    async def _commit(self, batch: list[tuple[Callable[[Outbox], Any], asyncio.Future[Any]]]) -> None:
        functions = [function for function, _ in batch]
        try:
            done = await asyncio.get_running_loop().run_in_executor(self._executor, self._commit_here, functions)
        except asyncio.CancelledError:
            self._answer(batch, [Done(error=StoreFailed(STOPPING))] * len(batch))
            raise
        except Exception as error:  # noqa: BLE001 - a bug: it belongs to those who wait, and ends the process there
            done = [Done(error=error)] * len(batch)
        self.commits += 1
        self._answer(batch, done)

    @staticmethod
    def _answer(batch: list[tuple[Callable[[Outbox], Any], asyncio.Future[Any]]], done: list[Done]) -> None:
        for (_, future), one in zip(batch, done, strict=True):
            if future.done():
                continue
            if one.error is None:
                future.set_result(one.value)
            else:
                future.set_exception(one.error)

    def _commit_here(self, functions: list[Callable[[Outbox], Any]]) -> list[Done]:
        connection = self._file.connection
        before = connection.total_changes
        done = commit(connection, self._file.outbox, self.timeline.mark, functions)
        if connection.total_changes != before:
            self.balance = self._file.outbox.balance()
        return done

    async def close(self) -> None:
        """Finish what waits, write the timeline mark and close the file. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._drain_task is not None:
            await asyncio.wait([self._drain_task])
        await asyncio.get_running_loop().run_in_executor(self._executor, self._file.close, self.timeline.mark)
        self._executor.shutdown()

    def abandon(self) -> None:
        """Let go of the file as a crash would: what waits is not stored. For simulations of one."""
        self._closed = True
        self._waiting.clear()
        self._file.abandon()
        self._executor.shutdown()
