"""An event loop whose clock jumps to the next timer: a day of the whole daemon takes about a second.

The daemon runs on it unmodified. Where a real loop would sleep until the next timer, this one advances its clock.
Nothing ready and no timer left means that the program can never move again; that is reported as Deadlock instead of
hanging. Work given to an executor runs at once on the caller's thread, so a run has one order of
events and a seed repeats to the same trace. Real sockets and ptys do not belong here.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Executor

T = TypeVar("T")


class Deadlock(RuntimeError):
    """Nothing is ready and nothing is scheduled: the program would wait for ever."""


class _JumpSelector(selectors.DefaultSelector):
    """Polls, and when nothing is ready moves the loop's clock instead of sleeping."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Deadlock(f"nothing is ready and nothing is scheduled at {self.loop.time():.3f} s")
        self.loop.advance(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop on virtual time, starting at ``start_s``."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._virtual_now_s = start_s
        selector = _JumpSelector()
        super().__init__(selector)
        selector.loop = self
        self._clock_resolution = 1e-9
        self.slow_callback_duration = float("inf")

    def time(self) -> float:
        """Return the virtual clock in seconds."""
        return self._virtual_now_s

    def advance(self, seconds: float) -> None:
        """Move the clock on; timers due by then run next."""
        assert seconds >= 0, "time does not go back"
        self._virtual_now_s += seconds

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]  # the base says Any
        """Run ``func`` at once, whatever executor was asked for: threads have no place on virtual time.

        As on a real thread there is no running loop for it, so work that reaches for one fails here too.
        """
        del executor
        future: asyncio.Future[T] = self.create_future()
        asyncio._set_running_loop(None)  # noqa: SLF001 - what tells code whether it runs on the loop
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - carried to whoever awaits
            future.set_exception(error)
        finally:
            asyncio._set_running_loop(self)  # noqa: SLF001 - as above
        return future


def run_virtual(main: Coroutine[Any, Any, T], *, start_s: float = 0.0) -> T:
    """Run ``main`` to its end on virtual time and return its result; the analogue of asyncio.run.

    An exception nobody waited for (of a timer's callback, or of a task that was let go) is raised at the end, where
    asyncio would only log it.
    """
    unheard: list[Exception] = []

    def keep(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        if isinstance(context.get("exception"), Exception):
            unheard.append(context["exception"])

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(start_s)) as runner:
        runner.get_loop().set_exception_handler(keep)
        result = runner.run(main)
    if unheard:
        raise unheard[0]
    return result
