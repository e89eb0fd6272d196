"""One MQTT connection: a paho client driven by asyncio, used once and thrown away.

paho directly rather than aiomqtt 2.5, which hides what the promises rest on: CONNACK's session-present flag, the reason
code of a PUBACK (a message refused for lack of permission would count as sent), acknowledging by hand, and waking
publishers at once when the connection goes. A client lives for one connection, so paho never resends on its own: the
outbox decides what goes out again.

Connecting (name lookup, TCP, TLS) blocks in paho and runs on a thread of asyncio's default executor; everything after
it runs on the loop.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.bus.port import INBOUND_MAX, PAYLOAD_BYTES_MAX, BusLost, BusRefused

if TYPE_CHECKING:
    import socket

    from paho.mqtt.reasoncodes import ReasonCode

    from gateway.bus.flight import Flight
    from gateway.bus.port import Will

CONNECT_TIMEOUT_S = 10.0
"""For name lookup, TCP and TLS together, and again for the broker's first answers."""

SESSION_EXPIRY_S = 30 * 86_400
"""How long an MQTT 5 broker keeps our subscription and the orders waiting for us; as long as a bundle may live."""

PACKET_BYTES_MAX = 1 << 20
"""Asked of an MQTT 5 broker, so that nobody makes us hold more; 3.1.1 has no way to ask."""

TICK_S = 1.0
"""How often paho looks at the keepalive."""


DOUBT_S = 3.0
"""How long CONNECT of MQTT 5 waits before 3.1.1 is tried: amqtt 0.12 misreads it and never answers (measured)."""


class ProtocolRefused(BusLost):
    """The broker says that it does not speak this version of MQTT."""


class ProtocolDoubtful(ProtocolRefused):
    """The broker met MQTT 5's CONNECT with silence or a closed connection: another version, or just trouble."""


class ClosableContext(ssl.SSLContext):
    """A TLS context that can close its last socket: paho leaves one open when the handshake fails."""

    _last: ssl.SSLSocket | None = None

    def wrap_socket(self, sock: socket.socket, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Wrap as usual, and remember."""
        self._last = super().wrap_socket(sock, *args, **options)
        return self._last

    def close_last(self) -> None:
        """Close what was wrapped last."""
        if self._last is not None:
            self._last.close()
            self._last = None


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach and enter a broker."""

    host: str
    port: int
    client_id: str
    keepalive_s: int
    username: str = ""
    password: str = ""
    tls: ClosableContext | None = None

    @property
    def where(self) -> str:
        """Return ``host:port`` for messages to a technician."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came, its payload cut to PAYLOAD_BYTES_MAX + 1."""

    topic: str
    payload: bytes
    retained: bool
    qos: int
    packet_id: int


class PahoConnection:
    """One connection from CONNECT to its end. ``version`` is ``"5"`` or ``"3.1.1"``.

    ``may_fall_back`` makes an unanswered CONNECT end as ProtocolDoubtful, soon, instead of BusLost.
    """

    def __init__(self, access: Access, version: str, will: Will | None, *, may_fall_back: bool = False) -> None:
        self._access = access
        self._may_fall_back = may_fall_back
        self._v5 = version == "5"
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[Received] = deque()
        self._fresh = asyncio.Event()
        self._connack: asyncio.Future[tuple[bool, int]] = self._loop.create_future()
        self._suback: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._flight: Flight | None = None
        self._socket: socket.socket | None = None
        self._reads = self._writes = False
        self._tick: asyncio.TimerHandle | None = None
        self._client = self._make_client(will)

    def _make_client(self, will: Will | None) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._access.client_id,
            clean_session=None if self._v5 else False,
            protocol=paho.MQTTv5 if self._v5 else paho.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)  # Flight bounds them; paho must not hold any back in a queue of its own
        if self._access.username:
            client.username_pw_set(self._access.username, self._access.password or None)
        if self._access.tls is not None:
            client.tls_set_context(self._access.tls)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    async def open(self) -> tuple[bool, int]:
        """Connect; return ``(session present, publishes the broker takes at once)``. Raise BusLost or OSError."""
        connecting = self._loop.run_in_executor(None, self._connect)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await asyncio.shield(connecting)
        except TimeoutError:
            connecting.add_done_callback(self._drop_late)
            raise BusLost(f"no connection to {self._access.where} within {CONNECT_TIMEOUT_S:g} s") from None
        except asyncio.CancelledError:
            connecting.add_done_callback(self._drop_late)
            raise
        self._attach()
        try:
            async with asyncio.timeout(DOUBT_S if self._may_fall_back else None):
                session_present, taken_at_once = await self._answer(self._connack, "CONNECT")
        except TimeoutError:
            raise ProtocolDoubtful(f"broker at {self._access.where} does not answer MQTT 5's CONNECT") from None
        return session_present, taken_at_once

    async def subscribe(self, subscriptions: tuple[str, ...]) -> None:
        """Subscribe at QoS 1 and wait for the broker's consent."""
        if self._v5:
            # our own receipts do not come back; a retained order is told from a live one; what is retained comes
            # once for a subscription, not at every connection
            options = SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True, retainHandling=1)
            code, _ = self._client.subscribe([(pattern, options) for pattern in subscriptions])
        else:
            code, _ = self._client.subscribe([(pattern, 1) for pattern in subscriptions])
        self._after_paho()
        if code == paho.MQTT_ERR_SUCCESS:
            answers = await self._answer(self._suback, "SUBSCRIBE")
            for pattern, answer in zip(subscriptions, answers, strict=False):
                if answer.is_failure:
                    raise BusRefused(
                        f"broker at {self._access.where} does not let {self._access.client_id} subscribe to {pattern}: "
                        f"{answer}; allow it in the broker's access list"
                    )
            return
        raise BusLost(f"connection to {self._access.where} went before subscribing ({paho.error_string(code)})")

    def write(self, topic: str, payload: bytes, *, retain: bool) -> int:
        """Put a publish on the wire; return its packet id. Raise BusLost."""
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        self._after_paho()
        if info.rc != paho.MQTT_ERR_SUCCESS:
            raise BusLost(f"connection to {self._access.where} is gone ({paho.error_string(info.rc)})")
        return info.mid

    async def next_message(self) -> Received:
        """Wait for the next message; reading from the broker stops while INBOUND_MAX wait."""
        while not self._inbox:
            self._fresh.clear()
            await self._fresh.wait()
        message = self._inbox.popleft()
        self._want_reads()
        return message

    def acknowledge(self, message: Received) -> None:
        """Tell the broker that it need not keep the message any longer."""
        if message.qos and self._socket is not None:
            self._client.ack(message.packet_id, message.qos)
            self._after_paho()

    def use(self, flight: Flight) -> None:
        """Let ``flight`` learn of PUBACKs and of the end."""
        self._flight = flight

    def close(self) -> None:
        """Close without DISCONNECT, so that the broker speaks the last will. Idempotent."""
        sock, self._socket = self._socket, None
        if sock is not None:
            self._detach(sock)
            sock.close()
        for answer in (self._connack, self._suback):
            answer.cancel()

    async def _answer(self, answer: asyncio.Future[Any], question: str) -> Any:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await answer
        except TimeoutError:
            raise BusLost(
                f"broker at {self._access.where} does not answer {question} within {CONNECT_TIMEOUT_S:g} s"
            ) from None

    # the connecting thread

    def _connect(self) -> None:
        try:
            self._connect_blocking()
        except BaseException:
            if self._access.tls is not None:
                self._access.tls.close_last()
            raise

    def _connect_blocking(self) -> None:
        access = self._access
        if self._v5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho left it so
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
            properties.ReceiveMaximum = INBOUND_MAX
            properties.MaximumPacketSize = PACKET_BYTES_MAX
            self._client.connect(access.host, access.port, access.keepalive_s, clean_start=False, properties=properties)
        else:
            self._client.connect(access.host, access.port, access.keepalive_s)

    def _drop_late(self, connecting: asyncio.Future[None]) -> None:
        """Close what a connection attempt brings that nobody waits for any longer."""
        if not connecting.cancelled():
            connecting.exception()
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    # paho and the loop

    def _attach(self) -> None:
        sock = self._client.socket()
        if sock is None:
            raise BusLost(f"connection to {self._access.where} was closed at once")
        self._socket = cast("socket.socket", sock)  # no websockets here
        self._client.on_socket_close = lambda _client, _userdata, closing: self._on_socket_close(closing)
        self._want_reads()
        self._after_paho()
        self._tick = self._loop.call_later(TICK_S, self._on_tick)

    def _detach(self, sock: socket.socket) -> None:
        self._client.on_socket_close = None
        if self._reads:
            self._loop.remove_reader(sock)
        if self._writes:
            self._loop.remove_writer(sock)
        self._reads = self._writes = False
        if self._tick is not None:
            self._tick.cancel()

    def _on_socket_close(self, sock: Any) -> None:
        self._socket = None
        self._detach(sock)

    def _want_reads(self) -> None:
        if self._socket is None:
            return
        wanted = len(self._inbox) < INBOUND_MAX
        if wanted and not self._reads:
            self._loop.add_reader(self._socket, self._on_readable)
        elif self._reads and not wanted:
            self._loop.remove_reader(self._socket)
        self._reads = wanted

    def _after_paho(self) -> None:
        """Have the loop call back when paho could not write all at once."""
        if self._socket is None:
            return
        wanted = self._client.want_write()
        if wanted and not self._writes:
            self._loop.add_writer(self._socket, self._on_writable)
        elif self._writes and not wanted:
            self._loop.remove_writer(self._socket)
        self._writes = wanted

    def _on_readable(self) -> None:
        try:
            self._client.loop_read()
            # a TLS socket may hold decoded bytes that the selector does not see
            while self._reads and isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                self._client.loop_read()
        except Exception as error:  # noqa: BLE001 - paho lets whatever a broken or hostile broker provokes escape
            self._end(BusLost(f"broker at {self._access.where} sent something that is not MQTT ({error!r})"))
        self._after_paho()

    def _on_writable(self) -> None:
        self._client.loop_write()
        self._after_paho()

    def _on_tick(self) -> None:
        self._tick = self._loop.call_later(TICK_S, self._on_tick)
        self._client.loop_misc()
        self._after_paho()

    def _end(self, error: BusLost) -> None:
        for answer in (self._connack, self._suback):
            if not answer.done():
                answer.set_exception(error)
                answer.exception()  # the second of them is not waited for
        if self._flight is not None:
            self._flight.lose(error)

    # paho's callbacks, all on the loop

    def _on_connect(
        self, _client: paho.Client, _data: Any, flags: paho.ConnectFlags, code: ReasonCode, properties: Any
    ) -> None:
        if self._connack.done():
            return
        if not code.is_failure:
            self._connack.set_result((flags.session_present, getattr(properties, "ReceiveMaximum", 65_535)))
            return
        self._end(self._refusal(code))

    def _refusal(self, code: ReasonCode) -> BusLost:
        said = f"broker at {self._access.where} refuses {self._access.client_id}: {code}"
        match code.getName():
            case "Unsupported protocol version":
                return ProtocolRefused(f"{said}; set protocol to the version it speaks")
            case "Bad user name or password" | "Not authorized" | "Banned" | "Bad authentication method":
                return BusRefused(f"{said}; check username, password file and the broker's access list")
            case "Client identifier not valid":
                return BusRefused(f"{said}; check the gateway's name")
        return BusLost(said)

    def _on_disconnect(
        self, _client: paho.Client, _data: Any, flags: paho.DisconnectFlags, code: ReasonCode, _properties: Any
    ) -> None:
        if flags.is_disconnect_packet_from_server and code.getName() == "Session taken over":
            self._end(
                BusLost(
                    f"another program connected to {self._access.where} as {self._access.client_id}; "
                    "two gateways with one name: change one",
                    retry_after_s=30.0,
                )
            )
        elif flags.is_disconnect_packet_from_server:
            self._end(BusLost(f"broker at {self._access.where} closed the connection: {code}"))
        elif self._may_fall_back and not self._connack.done():
            self._end(ProtocolDoubtful(f"broker at {self._access.where} closed the connection on MQTT 5's CONNECT"))
        else:
            self._end(BusLost(f"connection to {self._access.where} lost: {code}"))

    def _on_subscribe(
        self, _client: paho.Client, _data: Any, _packet_id: int, codes: list[ReasonCode], _properties: Any
    ) -> None:
        if not self._suback.done():
            self._suback.set_result(codes)

    def _on_publish(self, _client: paho.Client, _data: Any, packet_id: int, code: ReasonCode, _properties: Any) -> None:
        if self._flight is not None:
            self._flight.answered(packet_id, str(code) if code.is_failure else None)

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "\ufffd"  # foreign to everybody; the sink counts it and it is acknowledged like any other
        payload = bytes(message.payload[: PAYLOAD_BYTES_MAX + 1])
        self._inbox.append(Received(topic, payload, message.retain, message.qos, message.mid))
        self._fresh.set()
        self._want_reads()
