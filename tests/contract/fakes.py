"""What the gateway gives a link, in memory: a sink that remembers and a memory whose ages run on the loop's clock."""

import asyncio


class FakeMemory:
    """A LinkMemory; hand the same one to a second link to act out a restart."""

    def __init__(self):
        self._values = {}

    async def load(self, key):
        if key not in self._values:
            return None
        value, saved_s = self._values[key]
        return value, asyncio.get_running_loop().time() - saved_s

    async def save(self, key, value):
        await asyncio.sleep(0)  # a real one awaits the disk: whoever assumes otherwise is found here
        self._values[key] = (value, asyncio.get_running_loop().time())


class FakeSink:
    """A LinkSink that keeps everything; ``pause_s`` is how long the gateway takes to store one thing."""

    def __init__(self, pause_s=0.0):
        self.heard_all = []
        self.reports = []
        self.pause_s = pause_s
        self._changed = asyncio.Event()

    async def heard(self, heard):
        await asyncio.sleep(self.pause_s)
        self.heard_all.append(heard)
        self._changed.set()

    def report(self, report):
        self.reports.append(report)
        self._changed.set()

    @property
    def state(self):
        return self.reports[-1].state if self.reports else None

    async def until(self, true, within_s, what):
        """Return when ``true()`` holds; fail the test with ``what`` when it does not within ``within_s``."""
        try:
            async with asyncio.timeout(within_s):
                while not true():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            last = self.reports[-1] if self.reports else "nothing"
            raise AssertionError(f"{what}: not within {within_s} s; last report: {last}") from None
