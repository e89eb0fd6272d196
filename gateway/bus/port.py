"""The port between the daemon and the command bus: one connection's life, and publishing on it.

The bus is a carrier, never the store: nothing is kept here that a broken connection would lose. A PUBACK means that
the broker took the message, not that anybody has it (research: stock mosquitto lost 500 of 500 acknowledged messages
on kill -9), so a bundle stays in the outbox until its consumer's receipt.

Two implementations pass the same suite (tests/gateway/bus/check_bus.py): ``MqttBus`` on a real broker and ``MemoryBus``
on virtual time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

INFLIGHT_MAX = 16
"""Publishes on the wire without their PUBACK; further callers wait their turn in order. Below mosquitto's 20."""

INBOUND_MAX = 64
"""Received messages that wait for the sink; above it the broker is made to wait."""

PAYLOAD_BYTES_MAX = 16_384
"""Longest payload that is read from the bus; 4000 characters of escaped Chinese text and its envelope fit."""

PUBACK_TIMEOUT_S = 10.0
"""A broker that takes longer than this for one PUBACK is frozen, and its connection is given up."""


class BusLost(Exception):
    """The connection is gone or never came about; the text tells a technician where, what was found and what to do.

    Whatever was being published may or may not have arrived. ``retry_after_s`` is the broker's or the port's wish for
    the next try; None leaves it to the caller's back-off.
    """

    def __init__(self, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class BusRefused(BusLost):
    """The broker answers but does not let us in, or our settings cannot be used: a person must act. Retry slowly."""


class PublishRefused(Exception):
    """The broker took the packet and declined this message (MQTT 5 reason code): no permission for the topic, quota.

    The connection stays. The caller keeps the bundle and tries later; ``reason`` is the broker's own wording.
    """

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"broker declined a message on {topic}: {reason}; check the broker's access rules and quotas")
        self.topic = topic
        self.reason = reason


class BusSink(Protocol):
    """Where a bus reports to."""

    async def connected(self, *, session_present: bool) -> None:
        """Take that the connection serves, before any message of it is received; publishing is possible from here on.

        ``session_present`` False means that the broker kept nothing of us: orders may have been lost there, and
        consumers' queues may have gone with it, so open bundles are published again.
        """

    async def received(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take one message; called one at a time, in the broker's order.

        The broker's copy is acknowledged only after this returns, so return when it is on disk. ``payload`` is never
        longer than PAYLOAD_BYTES_MAX + 1; one of that length was longer on the wire and has been cut, so a parser
        must refuse it. Anything may come, also topics that were never subscribed to.
        """


class BusPort(Protocol):
    """One bus. The constructor opens nothing."""

    @property
    def is_connected(self) -> bool:
        """Tell whether ``publish`` has a connection to use."""

    async def run(self, sink: BusSink) -> None:
        """Live through one connection: connect, subscribe, serve ``sink`` until lost (raises BusLost) or cancelled.

        Called again after BusLost. Cancelling closes the connection without a farewell, so the broker publishes the
        last will: a gateway that no longer speaks is never shown as online. An error of the sink passes through.
        """

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1 and return on the broker's PUBACK.

        Raise BusLost when there is no connection or it goes before the PUBACK (assume nothing), PublishRefused when
        the broker declines. Messages go on the wire in the order of the calls; at most INFLIGHT_MAX are unanswered.
        A PUBACK that does not come in time ends the connection. Cancelling leaves the message to its fate.
        """


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when it loses us."""

    topic: str
    payload: bytes
