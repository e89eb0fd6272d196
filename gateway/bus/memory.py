"""A broker in memory for virtual time, with the faults of real ones as a script; and the port to it.

It behaves as stock mosquitto was measured to: a PUBACK says that the broker has the message, not that any consumer
has; a crash without persistence loses what consumers had not got yet, the sessions and the retained messages. It does
not simulate QoS 2, access rules, or consumers that are offline (close one and subscribe again).
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from paho.mqtt.client import topic_matches_sub

from gateway.bus.flight import Flight
from gateway.bus.port import INFLIGHT_MAX, PAYLOAD_BYTES_MAX, PUBACK_TIMEOUT_S, BusLost, BusRefused, Will

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Sequence

    from gateway.bus.port import BusSink

    Deliver = Callable[[str, bytes, bool], None]

CONNECT_TIMEOUT_S = 10.0
"""How long a connection to a frozen broker is waited for."""

SESSION_QUEUE_MAX = 1000
"""Messages kept for a client that is away; mosquitto's default, and like there further ones are dropped silently."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Message:
    topic: str
    payload: bytes
    retained: bool = False


@dataclass(slots=True)
class _Session:
    """What the broker keeps of a client between its connections."""

    subscriptions: set[str]
    queue: deque[_Message] = field(default_factory=deque)
    fresh: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, message: _Message) -> bool:
        if len(self.queue) >= SESSION_QUEUE_MAX:
            return False
        self.queue.append(message)
        self.fresh.set()
        return True


class _Pipe(Generic[T]):
    """One direction of one connection: keeps its order, takes its time, stands still while the broker is frozen."""

    def __init__(self, broker: MemoryBroker, deliver: Callable[[T], None]) -> None:
        self._broker = broker
        self._deliver = deliver
        self._items: deque[T] = deque()
        self._free_s = 0.0
        self._due = 0
        self._generation = 0

    def put(self, item: T) -> None:
        loop = asyncio.get_running_loop()
        self._items.append(item)
        self._free_s = max(self._free_s, loop.time() + self._broker.delay_s())
        loop.call_at(self._free_s, self._arrive, self._generation)

    def clear(self) -> None:
        self._items.clear()
        self._due = 0
        self._generation += 1

    def flush(self) -> None:
        while self._due and not self._broker.stands_still:
            self._due -= 1
            self._deliver(self._items.popleft())

    def _arrive(self, generation: int) -> None:
        if generation == self._generation:
            self._due += 1
            self.flush()


@dataclass(frozen=True, slots=True)
class _Publish:
    packet_id: int
    message: _Message


class _Connection:
    """A gateway's connection as the broker sees it."""

    def __init__(self, broker: MemoryBroker, bus: MemoryBus, session: _Session, flight: Flight) -> None:
        self.bus = bus
        self.session = session
        self.flight = flight
        self.up: _Pipe[_Publish] = _Pipe(broker, lambda publish: broker.take(self, publish))
        self.acks: _Pipe[int] = _Pipe(broker, flight.answered)
        self._packet_id = 0

    def write(self, message: _Message) -> int:
        self._packet_id += 1
        self.up.put(_Publish(self._packet_id, message))
        return self._packet_id


class MemoryBroker:
    """A broker whose faults are methods. ``rng`` decides delays and duplicates; the same seed repeats the same run."""

    def __init__(
        self, rng: random.Random, *, persistent: bool = False, duplicates: float = 0.0, delay_max_s: float = 0.02
    ) -> None:
        self.persistent = persistent
        """Whether sessions, retained messages and what consumers have not got survive ``down``."""
        self.duplicates = duplicates
        """Chance that a delivery is made twice."""
        self.dropped = 0
        """Messages that a full session queue lost."""
        self.refusal: str | None = None
        """When set, connections are refused with this text."""
        self._rng = rng
        self._delay_max_s = delay_max_s
        self._frozen = False
        self._down = False
        self._sessions: dict[str, _Session] = {}
        self._retained: dict[str, bytes] = {}
        self._connections: dict[str, _Connection] = {}
        self._consumers: dict[int, tuple[tuple[str, ...], _Pipe[_Message]]] = {}
        self._next_consumer = 0
        self._thawed = asyncio.Event()
        self._thawed.set()

    # what consumers do

    def subscribe(self, patterns: Sequence[str], callback: Deliver) -> Callable[[], None]:
        """Have ``callback(topic, payload, retained)`` called for all that matches; return what ends it.

        It is one client on one connection: what matches any of its patterns comes once and in the broker's order.
        Consumers stay subscribed over faults, as a client that reconnects at once would.
        """
        pipe: _Pipe[_Message] = _Pipe(self, lambda message: self._to_consumer(callback, message))
        key = self._next_consumer
        self._next_consumer += 1
        self._consumers[key] = (tuple(patterns), pipe)
        for topic, payload in self._retained.items():
            if _matches_any(patterns, topic):
                pipe.put(_Message(topic, payload, retained=True))

        def end() -> None:
            pipe.clear()
            self._consumers.pop(key, None)

        return end

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Publish as a consumer would at QoS 1; return whether the broker took it."""
        if self.stands_still:
            return False
        self._route(_Message(topic, payload, retained=retain))
        return True

    # faults

    def down(self) -> None:
        """Kill the broker: every connection breaks, no will is spoken, and without persistence all is forgotten."""
        self._down = True
        self._frozen = False
        self._thawed.set()
        if not self.persistent:
            self._sessions.clear()
            self._retained.clear()
            for _, pipe in self._consumers.values():
                pipe.clear()
        for client_id in list(self._connections):
            self._close(client_id, BusLost("connection reset by the broker"))

    def up(self) -> None:
        """Start the broker again."""
        self._down = False
        self._flush()

    def restart(self) -> None:
        """Kill and start at once."""
        self.down()
        self.up()

    def cut(self) -> None:
        """Break every gateway's connection while the broker lives on; wills are spoken."""
        for client_id in list(self._connections):
            self._close(client_id, BusLost("connection reset"), speak_will=True)

    def freeze(self) -> None:
        """Stop the broker as SIGSTOP does: connections stay, nothing moves."""
        self._frozen = True
        self._thawed.clear()

    def thaw(self) -> None:
        """Let a frozen broker go on."""
        self._frozen = False
        self._thawed.set()
        self._flush()

    @property
    def stands_still(self) -> bool:
        """Tell whether nothing moves: frozen, or not there at all."""
        return self._frozen or self._down

    # what the port and the pipes use

    def delay_s(self) -> float:
        """Return the time of one hop."""
        return self._rng.uniform(0.1, 1.0) * self._delay_max_s

    async def connect(self, bus: MemoryBus, flight: Flight) -> tuple[_Connection, bool]:
        """Let a gateway in; return its connection and whether its session was still here."""
        await asyncio.sleep(self.delay_s())
        if self._down:
            raise BusLost("connection refused: no broker listens")
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._thawed.wait()
        except TimeoutError:
            raise BusLost(f"no CONNACK within {CONNECT_TIMEOUT_S:g} s") from None
        if self._down:
            raise BusLost("connection reset by the broker")
        if self.refusal is not None:
            raise BusRefused(self.refusal)
        self._close(bus.client_id, BusLost("another client took over this client id"), speak_will=True)
        session = self._sessions.get(bus.client_id)
        present = session is not None
        if session is None:
            session = self._sessions[bus.client_id] = _Session(set())
        self._add_subscriptions(session, bus.subscriptions)
        connection = self._connections[bus.client_id] = _Connection(self, bus, session, flight)
        return connection, present

    async def next_for(self, session: _Session) -> _Message:
        """Wait for the next message of a session; it stays there until the gateway has acknowledged it."""
        while not session.queue:
            session.fresh.clear()
            await session.fresh.wait()
        await asyncio.sleep(self.delay_s())
        await self._thawed.wait()
        return session.queue[0]

    def deliveries(self) -> int:
        """Return how often the next delivery is made."""
        return 2 if self._rng.random() < self.duplicates else 1

    def take(self, connection: _Connection, publish: _Publish) -> None:
        """Take a publish that has arrived, and acknowledge it."""
        self._route(publish.message)
        connection.acks.put(publish.packet_id)

    def leave(self, connection: _Connection) -> None:
        """Lose a gateway that closed its connection without a farewell."""
        if self._connections.get(connection.bus.client_id) is connection:
            self._close(connection.bus.client_id, BusLost("closed"), speak_will=True)

    def _flush(self) -> None:
        for _, consumer in list(self._consumers.values()):
            consumer.flush()
        for connection in list(self._connections.values()):
            connection.up.flush()
            connection.acks.flush()

    def _close(self, client_id: str, error: BusLost, *, speak_will: bool = False) -> None:
        connection = self._connections.pop(client_id, None)
        if connection is None:
            return
        connection.up.clear()
        connection.acks.clear()
        connection.flight.lose(error)
        will = connection.bus.will
        if speak_will and will is not None:
            self._route(_Message(will.topic, will.payload, retained=True))

    def _add_subscriptions(self, session: _Session, subscriptions: tuple[str, ...]) -> None:
        new = [pattern for pattern in subscriptions if pattern not in session.subscriptions]
        session.subscriptions.update(new)
        for topic, payload in self._retained.items():
            if _matches_any(new, topic):
                self._enqueue(session, _Message(topic, payload, retained=True))

    def _route(self, message: _Message) -> None:
        if message.retained:
            if message.payload:
                self._retained[message.topic] = message.payload
            else:
                self._retained.pop(message.topic, None)
        live = _Message(message.topic, message.payload)
        for patterns, pipe in list(self._consumers.values()):
            if _matches_any(patterns, message.topic):
                pipe.put(live)
        for session in self._sessions.values():
            if _matches_any(session.subscriptions, message.topic):
                self._enqueue(session, live)

    def _enqueue(self, session: _Session, message: _Message) -> None:
        if not session.put(message):
            self.dropped += 1

    def _to_consumer(self, callback: Deliver, message: _Message) -> None:
        for _ in range(self.deliveries()):
            callback(message.topic, message.payload, message.retained)


class MemoryBus:
    """The port to a MemoryBroker. Unlike MqttBus with MQTT 5 it hears the echo of its own receipts."""

    def __init__(
        self,
        broker: MemoryBroker,
        *,
        client_id: str,
        subscriptions: tuple[str, ...],
        will: Will | None = None,
        puback_timeout_s: float = PUBACK_TIMEOUT_S,
        inflight_max: int = INFLIGHT_MAX,
    ) -> None:
        self.client_id = client_id
        self.subscriptions = subscriptions
        self.will = will
        self._broker = broker
        self._puback_timeout_s = puback_timeout_s
        self._inflight_max = inflight_max
        self._connection: _Connection | None = None

    @property
    def is_connected(self) -> bool:
        """Tell whether there is a connection."""
        return self._connection is not None and not self._connection.flight.is_over

    async def run(self, sink: BusSink) -> None:
        """Live through one connection; see BusPort."""
        flight = Flight(self._inflight_max, self._puback_timeout_s)
        connection, present = await self._broker.connect(self, flight)
        self._connection = connection
        try:
            await flight.serve(self._serve(connection, sink, session_present=present))
        finally:
            self._connection = None
            flight.lose(BusLost("the connection was closed on our side"))
            self._broker.leave(connection)

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1; see BusPort."""
        connection = self._connection
        if connection is None:
            raise BusLost("there is no connection to the broker")
        message = _Message(topic, payload, retained=retain)
        await connection.flight.publish(topic, lambda: connection.write(message))

    async def _serve(self, connection: _Connection, sink: BusSink, *, session_present: bool) -> None:
        await sink.connected(session_present=session_present)
        session = connection.session
        while True:
            message = await self._broker.next_for(session)
            for _ in range(self._broker.deliveries()):
                await sink.received(message.topic, message.payload[: PAYLOAD_BYTES_MAX + 1], retained=message.retained)
            if session.queue and session.queue[0] is message:
                session.queue.popleft()


def _matches_any(patterns: Iterable[str], topic: str) -> bool:
    return any(topic_matches_sub(pattern, topic) for pattern in patterns)
