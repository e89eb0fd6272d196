"""What the figures at scale share: a store with limits, a quiet link, memory and processor time."""

import asyncio
import random
import resource
import statistics
import sys
from pathlib import Path


def say(text):
    print(text, file=sys.stderr, flush=True)


def memory_mb(word="VmRSS"):
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith(word))
    return round(int(line.split()[1]) / 1e3, 1)


def processor_s():
    """Return the processor seconds of this process and of those that it has run."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return [one.ru_utime + one.ru_stime for one in used]


def quantiles(values, digits=3):
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), digits),
        "p99": round(ordered[int(len(ordered) * 0.99)], digits),
        "max": round(ordered[-1], digits),
    }


def settings(**tables):
    from gateway.config.settings import Settings

    return Settings.model_validate({"gateway": {"id": "cp1", "region": "5133"}} | tables)


def opened(place, **limits):
    from gateway.clock import SystemClock
    from gateway.store.limits import Limits
    from gateway.store.opening import open_store

    clock = SystemClock()
    store, _ = open_store(
        Path(place) / "outbox.db", gateway="cp1", clock=clock, rng=random.Random(1), limits=Limits(**limits)
    )
    return store, clock


class QuietLink:
    """A link that is open and takes a payload a minute; what it hears the bench gives its runner."""

    def __init__(self, name, bearer, card):
        from gateway.link import LinkInfo

        self.info = LinkInfo(name=name, bearer=bearer, driver="bench", where=name)
        self._card = card
        self._sink = None

    def report(self, not_before_s):
        """Return how it is."""
        from gateway.link import LinkReport, LinkState

        return LinkReport(
            state=LinkState.OPEN,
            not_before_s=not_before_s,
            identity={"card": self._card},
            text_bits_max=1680,
            data_bytes_max=200,
        )

    async def run(self, sink):
        """Be open."""
        self._sink = sink
        sink.report(self.report(0.0))
        await asyncio.Event().wait()

    async def send(self, outgoing):
        """Take anything."""
        from gateway.link import SendOutcome, SendResult

        del outgoing
        self._sink.report(self.report(asyncio.get_running_loop().time() + 60.0))
        return SendResult(SendOutcome.ACCEPTED, "FKI Y")

    def bits_of(self, payload):
        """Count as GBK does."""
        return 16 * len(payload.text) or 8 * len(payload.data)
