"""The port to a real MQTT broker: settings to access, MQTT 5 with 3.1.1 behind it, serving and publishing."""

from __future__ import annotations

import ssl
import stat
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.bus.flight import Flight
from gateway.bus.pahoclient import Access, ClosableContext, PahoConnection, ProtocolDoubtful, ProtocolRefused
from gateway.bus.port import INFLIGHT_MAX, BusLost, BusRefused

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.bus.port import BusSink, Will
    from gateway.config.settings import BusSettings

PASSWORD_BYTES_MAX = 1024
"""Longest password that is read from its file."""


class MqttBus:
    """The command bus behind ``settings.url``; see BusPort. ``client_id`` names the session that the broker keeps."""

    def __init__(
        self,
        settings: BusSettings,
        *,
        client_id: str,
        subscriptions: tuple[str, ...],
        will: Will | None = None,
        inflight_max: int = INFLIGHT_MAX,
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._subscriptions = subscriptions
        self._will = will
        self._inflight_max = inflight_max
        self._spoken: str | None = None if settings.protocol == "auto" else settings.protocol
        if settings.embedded is not None:
            self._spoken = "3.1.1"  # all that amqtt speaks
        self._connection: PahoConnection | None = None
        self._flight: Flight | None = None

    @property
    def is_connected(self) -> bool:
        """Tell whether there is a connection to publish on."""
        return self._flight is not None and not self._flight.is_over

    async def run(self, sink: BusSink) -> None:
        """Live through one connection; see BusPort."""
        connection, session_present, taken_at_once = await self._connect()
        try:
            flight = Flight(min(self._inflight_max, taken_at_once), self._settings.puback_timeout_s)
            connection.use(flight)
            await connection.subscribe(self._subscriptions)
            self._connection, self._flight = connection, flight
            await flight.serve(_serve(connection, sink, session_present=session_present))
        finally:
            self._connection = None
            if self._flight is not None:
                self._flight.lose(BusLost("the connection was closed on our side"))
                self._flight = None
            connection.close()

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1; see BusPort."""
        connection, flight = self._connection, self._flight
        if connection is None or flight is None:
            raise BusLost(f"there is no connection to the broker at {self._settings.url}")
        await flight.publish(topic, lambda: connection.write(topic, payload, retain=retain))

    async def _connect(self) -> tuple[PahoConnection, bool, int]:
        """Connect with the version known to be spoken, else with 5 and, where that is turned away, with 3.1.1.

        A broker that said no to 5 is not asked again. Silence proves nothing, and on 3.1.1 a broker cannot say that it
        declines a message, so after mere silence the next connection tries 5 again.
        """
        access = self._access()
        if self._spoken is not None:
            return await self._open(access, self._spoken)
        try:
            return await self._open(access, "5", may_fall_back=True)
        except ProtocolDoubtful:
            return await self._open(access, "3.1.1")
        except ProtocolRefused:
            opened = await self._open(access, "3.1.1")
            self._spoken = "3.1.1"
            return opened

    async def _open(
        self, access: Access, version: str, *, may_fall_back: bool = False
    ) -> tuple[PahoConnection, bool, int]:
        connection = PahoConnection(access, version, self._will, may_fall_back=may_fall_back)
        try:
            return connection, *await connection.open()
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise BusRefused(
                f"certificate of {access.where}: {error.verify_message}; check ca_file, the host name in url, "
                "and this machine's clock"
            ) from None
        except OSError as error:
            connection.close()
            raise BusLost(
                f"no connection to {access.where} ({error.strerror or error}); check url, cable and that the broker runs"
            ) from None
        except BaseException:
            connection.close()
            raise

    def _access(self) -> Access:
        settings = self._settings
        url = urlsplit(settings.url)
        try:
            port = url.port or (8883 if url.scheme == "mqtts" else 1883)
            return Access(
                host=url.hostname or "",
                port=port,
                client_id=self._client_id,
                keepalive_s=settings.keepalive_s,
                username=settings.username,
                password=_secret(settings.password_file) if settings.password_file is not None else "",
                tls=self._tls() if url.scheme == "mqtts" else None,
            )
        except (OSError, ValueError) as error:
            raise BusRefused(f"settings of the bus cannot be used: {error}") from None

    def _tls(self) -> ClosableContext:
        settings = self._settings
        context = ClosableContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and host name
        if settings.ca_file is not None:
            context.load_verify_locations(settings.ca_file)
        else:
            context.load_default_certs()
        if settings.client_cert_file is not None:
            if settings.client_key_file is not None:
                _check_private(settings.client_key_file)
            context.load_cert_chain(settings.client_cert_file, settings.client_key_file)
        return context


async def _serve(connection: PahoConnection, sink: BusSink, *, session_present: bool) -> None:
    await sink.connected(session_present=session_present)
    while True:
        message = await connection.next_message()
        await sink.received(message.topic, message.payload, retained=message.retained)
        connection.acknowledge(message)


def _secret(path: Path) -> str:
    _check_private(path)
    with path.open("rb") as file:
        secret = file.read(PASSWORD_BYTES_MAX + 1)
    if len(secret) > PASSWORD_BYTES_MAX:
        raise ValueError(f"{path}: found more than {PASSWORD_BYTES_MAX} bytes, put the password alone on one line")
    return secret.decode().rstrip("\r\n")


def _check_private(path: Path) -> None:
    """Refuse a secret that everybody on this machine can read, or that a group can change.

    A group may read: a credential that systemd hands over by an access list shows as 0440.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o027:
        raise ValueError(f"{path}: found mode {mode:04o}, more than 0640; run chmod 600 {path}")
