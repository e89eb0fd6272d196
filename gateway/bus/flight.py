"""Publishes on their way: bounded, in order, each with its own deadline. Shared by the real and the simulated bus.

paho keeps accepting publishes when its broker is frozen (measured: 10.8 s at keepalive 5, 50 messages in memory, all
reported as sent afterwards). Here a message that gets no PUBACK in time ends the connection instead, and a caller gets
through only when one of INFLIGHT_MAX places is free.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

from gateway.bus.port import INFLIGHT_MAX, PUBACK_TIMEOUT_S, BusLost, PublishRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Flight:
    """The unanswered publishes of one connection, and the connection's end."""

    def __init__(self, inflight_max: int = INFLIGHT_MAX, puback_timeout_s: float = PUBACK_TIMEOUT_S) -> None:
        self._loop = asyncio.get_running_loop()
        self._puback_timeout_s = puback_timeout_s
        self._places = asyncio.Semaphore(inflight_max)  # first come, first served: this is the order on the wire
        self._unanswered: dict[int, asyncio.Future[str | None]] = {}
        self._end: asyncio.Future[BusLost] = self._loop.create_future()

    @property
    def is_over(self) -> bool:
        """Tell whether the connection has ended."""
        return self._end.done()

    async def publish(self, topic: str, write: Callable[[], int]) -> None:
        """Wait for a place, ``write`` (which returns the packet id) and wait for the answer.

        A caller that is cancelled leaves its place taken until the answer, so that the bound holds on the wire.
        """
        await self._places.acquire()
        if self._end.done():
            self._places.release()
            raise self._lost()
        try:
            packet_id = write()
        except BusLost as error:
            self._places.release()
            self.lose(error)
            raise
        if self._end.done():  # writing found out
            self._places.release()
            raise self._lost()
        answer: asyncio.Future[str | None] = self._loop.create_future()
        self._unanswered[packet_id] = answer
        deadline = self._loop.call_later(self._puback_timeout_s, self._overdue, topic)
        answer.add_done_callback(lambda done: self._close(packet_id, deadline, done))
        try:
            refused = await asyncio.shield(answer)
        except BusLost:
            raise self._lost() from None
        if refused is not None:
            raise PublishRefused(topic, refused)

    def answered(self, packet_id: int, refused: str | None = None) -> None:
        """Take a PUBACK, with the broker's reason if it declines; one that nobody waits for is ignored."""
        answer = self._unanswered.get(packet_id)
        if answer is not None and not answer.done():
            answer.set_result(refused)

    def lose(self, error: BusLost) -> None:
        """End the connection for every caller; the first reason counts."""
        if self._end.done():
            return
        self._end.set_result(error)
        for answer in list(self._unanswered.values()):
            if not answer.done():
                answer.set_exception(error)

    async def serve(self, work: Coroutine[Any, Any, None]) -> NoReturn:
        """Run ``work``, which serves the sink, until the connection ends; then stop it and raise the reason.

        An error of the sink comes first: it is a bug that must not hide behind a lost connection.
        """
        task = asyncio.create_task(work)
        either: set[asyncio.Future[Any]] = {task, self._end}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
        raise self._lost()

    def _lost(self) -> BusLost:
        """Return the reason as a fresh exception: one object raised in many tasks would collect all their tracebacks."""
        reason = self._end.result()
        return type(reason)(str(reason), reason.retry_after_s)

    def _overdue(self, topic: str) -> None:
        self.lose(
            BusLost(
                f"broker is frozen: no PUBACK for a message on {topic} within {self._puback_timeout_s:g} s; "
                "the connection is given up, check load and disk of the broker's machine"
            )
        )

    def _close(self, packet_id: int, deadline: asyncio.TimerHandle, answer: asyncio.Future[str | None]) -> None:
        deadline.cancel()
        del self._unanswered[packet_id]
        self._places.release()
        if not answer.cancelled():
            answer.exception()  # looked at: a cancelled caller never asks for it
