"""Finds out what is on a port by asking for the card: rate, protocol, card. Reading the card never transmits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.beidou.dialect import DIALECTS
from protocols.beidou.neutral import CardInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drivers.beidou.device import Device

ANSWER_S = 1.0
"""A terminal that is up answers a card query well within this."""
PATIENT_ANSWER_S = 4.0
"""A terminal that is heard talking gets this long: modules need 1 to 3 s after power-up."""


@dataclass(frozen=True, slots=True)
class Found:
    """The rate at which a terminal answered, and its answer."""

    baud: int
    info: CardInfo


async def identify(
    device: Device, bauds: Sequence[int], protocols: Sequence[str], rounds: int, on_try: Callable[[int, str], None]
) -> Found | None:
    """Ask at every rate in every protocol, ``rounds`` times; None when nothing answers. Raises LinkLost.

    Where something intelligible is heard the rate is right and the terminal is asked once more with patience.
    """
    for baud in tuple(bauds) * rounds:
        await device.set_baud(baud)
        for answer_s in (ANSWER_S, PATIENT_ANSWER_S):
            for protocol in protocols:
                on_try(baud, protocol)
                info = await device.ask(DIALECTS[protocol].card_query(), CardInfo, answer_s)
                if info is not None:
                    return Found(baud, info)
            if not device.seen:
                break
    return None


def nothing_found(device: Device, bauds: Sequence[int], protocols: Sequence[str]) -> str:
    """Return what to tell a technician after ``identify`` found nothing."""
    asked = f"no answer to the card query ({', '.join(protocols)} at {', '.join(map(str, bauds))} baud)"
    if device.seen:
        kinds = ", ".join(sorted(device.seen))
        return f"{asked}, but heard at the last rate: {kinds}; this may be the terminal's GNSS port, try its other port"
    if device.counters:
        return f"{asked}, only noise; check the rate the terminal is set to and set baud in the configuration"
    return f"{asked}, nothing heard; check power, cable (TX and RX crossed?) and that this is the terminal's port"
