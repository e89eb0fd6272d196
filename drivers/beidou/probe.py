"""Looks at one port without claiming it for a link: what ``yizhan port scan`` shows. Read-only, never transmits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.beidou.device import Device
from drivers.beidou.identify import identify, nothing_found
from drivers.beidou.settings import BAUDS
from drivers.beidou.tasks import until_one_ends
from drivers.bytestream import open_stream, parse_url
from gateway.link import LinkError
from protocols.beidou.dialect import PROTOCOLS

if TYPE_CHECKING:
    from drivers.beidou.identify import Found
    from drivers.bytestream import Opener
    from protocols.beidou.neutral import CardInfo, Neutral


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What is on a port. ``info`` is None when no terminal answered; ``problem`` then says why and what to do."""

    url: str
    baud: int | None = None
    info: CardInfo | None = None
    problem: str = ""


async def probe_port(
    url: str, opener: Opener = open_stream, *, bauds: tuple[int, ...] = BAUDS, protocols: tuple[str, ...] = PROTOCOLS
) -> ProbeResult:
    """Ask for the card at every rate in every protocol. Never raises for what the port or device does.

    What the terminal receives meanwhile is lost to the gateway: do not probe a port that a link is using (opening it
    fails then, and says so).
    """
    if parse_url(url).host:
        bauds = bauds[:1]  # behind a serial server the rate is the server's business
    try:
        stream = await opener(url, bauds[0])
    except LinkError as error:
        return ProbeResult(url, problem=str(error))
    device = Device(stream, _ignore, _no_wait, Counter())
    found: list[Found] = []

    async def ask() -> None:
        answer = await identify(device, bauds, protocols, 1, lambda _baud, _protocol: None)
        if answer is not None:
            found.append(answer)

    try:
        await until_one_ends(device.pump(), ask())
    except LinkError as error:
        return ProbeResult(url, problem=str(error))
    finally:
        await device.close()
    if not found:
        return ProbeResult(url, problem=nothing_found(device, bauds, protocols))
    return ProbeResult(url, found[0].baud, found[0].info, "" if found[0].info.card else "no card in slot")


def _ignore(_value: Neutral) -> None:
    """Take a value that only the waiting question needs."""


async def _no_wait() -> None:
    """Read on at once: nothing is kept."""
