"""Looks at one port without claiming it for a link: what ``yizhan port scan`` shows. Read-only, never transmits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pydantic import ValidationError

from drivers.beidou.condition import identity_of
from drivers.beidou.device import Device
from drivers.beidou.identify import identify, nothing_found
from drivers.beidou.settings import BeidouSettings
from drivers.beidou.tasks import until_one_ends
from drivers.bytestream import open_stream
from gateway.link import LinkError, Probed
from protocols.beidou.dialect import PROTOCOLS

if TYPE_CHECKING:
    from drivers.beidou.identify import Found
    from drivers.bytestream import Opener
    from protocols.beidou.neutral import Neutral


async def probe_port(url: str, opener: Opener = open_stream) -> Probed:
    """Ask for the card at every rate in every protocol. Never raises for what the port or device does.

    What the terminal receives meanwhile is lost to the gateway: do not probe a port that a link is using (opening it
    fails then, and says so).
    """
    try:
        bauds = BeidouSettings(url=url).bauds
    except ValidationError as error:
        return Probed({}, str(error.errors()[0]["msg"]))
    try:
        stream = await opener(url, bauds[0])
    except LinkError as error:
        return Probed({}, str(error))
    device = Device(stream, _ignore, _no_wait, Counter())
    found: list[Found] = []

    async def ask() -> None:
        answer = await identify(device, bauds, PROTOCOLS, 1, lambda _baud, _protocol: None)
        if answer is not None:
            found.append(answer)

    try:
        await until_one_ends(device.pump(), ask())
    except LinkError as error:
        return Probed({}, str(error))
    finally:
        await device.close()
    if not found:
        return Probed({}, nothing_found(device, bauds, PROTOCOLS))
    info = found[0].info
    return Probed(identity_of(info, found[0].baud), "" if info.card else "no card in slot")


def _ignore(_value: Neutral) -> None:
    """Take a value that only the waiting question needs."""


async def _no_wait() -> None:
    """Read on at once: nothing is kept."""
