"""MqttBus against a real mosquitto: the contract of every bus, versions, access, TLS, and brokers that die or freeze."""

import asyncio
import shutil
import subprocess
from contextlib import asynccontextmanager, suppress

import pytest

from gateway.bus.mqtt import MqttBus
from gateway.bus.port import BusLost, BusRefused, PublishRefused
from gateway.config.settings import BusSettings
from tests.gateway.bus.check_bus import CHECKS, DOWN, ORDER, PUBACK_TIMEOUT_S, UP, Sink, connected, fate, until
from tests.gateway.bus.mosquitto import Mosquitto

pytestmark = pytest.mark.e2e


class MosquittoRig:
    """The contract's rig on a real broker; consumers are MqttBus too, under other names."""

    def __init__(self, broker, **settings):
        self.broker = broker
        self.settings = BusSettings(url=broker.url, puback_timeout_s=PUBACK_TIMEOUT_S, **settings)
        self.names = iter(range(1000))
        self.tasks = []
        self.giver = None

    def bus(self, client_id="cq1", *, subscriptions=(DOWN,), will=None, settings=None):
        return MqttBus(settings or self.settings, client_id=client_id, subscriptions=subscriptions, will=will)

    async def serve(self, bus, sink):
        task = asyncio.create_task(bus.run(sink))
        self.tasks.append(task)
        async with asyncio.timeout(5):
            await sink.serving.wait()

    async def listen(self, *patterns):
        sink = Sink()
        await self.serve(self.bus(f"consumer{next(self.names)}", subscriptions=patterns), sink)
        return sink.received_messages

    async def give(self, topic, payload, *, retain=False):
        if self.giver is None or not self.giver.is_connected:
            self.giver = self.bus(f"giver{next(self.names)}", subscriptions=("unused",))
            await self.serve(self.giver, Sink())
        await self.giver.publish(topic, payload, retain=retain)

    async def kill(self):
        await self.broker.kill()

    async def start(self):
        await self.broker.start()

    async def freeze(self):
        self.broker.freeze()

    async def thaw(self):
        self.broker.thaw()

    async def close(self):
        for task in self.tasks:
            task.cancel()
        for task in self.tasks:
            with suppress(BusLost, asyncio.CancelledError):
                await task
        await self.broker.kill()


@asynccontextmanager
async def rig_on(broker, **settings):
    await broker.start()
    rig = MosquittoRig(broker, **settings)
    try:
        yield rig
    finally:
        await rig.close()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_contract(check, protocol, tmp_path):
    """MqttBus keeps the contract of BusPort with either version of MQTT."""
    async with rig_on(Mosquitto(tmp_path), protocol=protocol) as rig:
        await check(rig)


async def test_mqtt_5_tells_a_live_retained_order_and_keeps_our_echo_away(tmp_path):
    """With MQTT 5 an order published as retained is marked even while we listen, and our own messages stay away."""
    async with rig_on(Mosquitto(tmp_path), protocol="5") as rig:
        bus, sink = rig.bus(), Sink()
        async with connected(bus, sink):
            await bus.publish(ORDER, b"echo")
            await rig.give(ORDER, b"kept", retain=True)
            await until(lambda: sink.received_messages, "the order")

    assert sink.received_messages == [(ORDER, b"kept", True)]


# --- a broker that fails under load ----------------------------------------------------------------------------

SAVING = "allow_anonymous true\npersistence true\nautosave_on_changes true\nautosave_interval 1\n"


async def keep_running(bus, sink):
    while True:
        with suppress(BusLost):
            await bus.run(sink)
        await asyncio.sleep(0.02)


async def publish_until_taken(bus, topic, payload):
    while True:
        try:
            return await bus.publish(topic, payload)
        except BusLost:
            await asyncio.sleep(0.01)


async def test_a_stream_survives_stop_kill_and_freeze(tmp_path):
    """With a broker that saves every change, 400 messages over a stop, a kill -9 and a SIGSTOP arrive all, in order."""
    broker = Mosquitto(tmp_path, extra=f"{SAVING}persistence_location {tmp_path}/\n")
    async with rig_on(broker) as rig:
        sink, bus = Sink(), rig.bus()
        rig.tasks += [
            asyncio.create_task(keep_running(rig.bus("centre", subscriptions=(UP,)), sink)),
            asyncio.create_task(keep_running(bus, Sink())),
        ]
        await until(lambda: sink.sessions, "the consumer")

        async def faults():
            await until(lambda: len(sink.received_messages) > 80, "80 messages")
            await broker.stop()
            await broker.start()
            await until(lambda: len(sink.received_messages) > 160, "160 messages")
            await broker.kill()
            await broker.start()
            await until(lambda: len(sink.received_messages) > 240, "240 messages")
            broker.freeze()
            await until(lambda: not bus.is_connected, "the freeze to be noticed")
            broker.thaw()

        async def stream():
            for n in range(400):
                await publish_until_taken(bus, UP, b"%d" % n)

        await asyncio.gather(faults(), stream())
        await until(lambda: sink.received_messages[-1][1] == b"399", "the last message")

    first_seen = list(dict.fromkeys(int(payload) for _, payload, _ in sink.received_messages))
    assert first_seen == list(range(400))
    print(f"{len(sink.received_messages) - 400} duplicates")


# --- access ----------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(tmp_path):
    """A broker that knows cq1 with the password s3cret and lets it subscribe to orders and publish reports only."""
    passwords, access = tmp_path / "passwords", tmp_path / "access"
    passwords.touch()
    tool = shutil.which("mosquitto_passwd")
    subprocess.run([tool, "-b", str(passwords), "cq1", "s3cret"], check=True, capture_output=True)
    access.write_text(f"user cq1\ntopic read {DOWN}\ntopic write {UP}\n")
    return Mosquitto(tmp_path, extra=f"allow_anonymous false\npassword_file {passwords}\nacl_file {access}\n")


def secret_file(directory, text, mode=0o600):
    path = directory / "password"
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_wrong_password_is_told_from_a_loss(guarded, tmp_path, protocol):
    """Bad credentials raise BusRefused and say what to check."""
    path = secret_file(tmp_path, "wrong\n")
    async with rig_on(guarded, username="cq1", password_file=path, protocol=protocol) as rig:
        refused = await fate(rig.bus().run(Sink()))

    assert isinstance(refused, BusRefused)
    assert "password file" in str(refused)


async def test_a_password_that_others_can_read_is_refused(guarded, tmp_path):
    """A password file of mode 0644 is not used, and the text names the cure."""
    path = secret_file(tmp_path, "s3cret\n", mode=0o644)
    async with rig_on(guarded, username="cq1", password_file=path) as rig:
        refused = await fate(rig.bus().run(Sink()))

    assert isinstance(refused, BusRefused)
    assert f"chmod 600 {path}" in str(refused)


async def test_a_credential_as_systemd_hands_it_over_is_taken(guarded, tmp_path):
    """An access list for the service's user shows as mode 0440."""
    path = secret_file(tmp_path, "s3cret\n", mode=0o440)
    async with rig_on(guarded, username="cq1", password_file=path) as rig, connected(rig.bus()):
        pass


async def test_a_message_the_broker_declines_is_not_sent(guarded, tmp_path):
    """MQTT 5 says no to a topic without permission: PublishRefused, and the connection goes on."""
    path = secret_file(tmp_path, "s3cret\n")
    async with rig_on(guarded, username="cq1", password_file=path) as rig:
        bus = rig.bus()
        async with connected(bus):
            with pytest.raises(PublishRefused, match="Not authorized"):
                await bus.publish(ORDER, b"x")
            await bus.publish(UP, b"allowed")


# --- TLS -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    key, cert = directory / "key.pem", directory / "cert.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        [*make.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )
    return key, cert


async def test_tls(certificate, tmp_path):
    """With the broker's authority named, messages pass both ways; without it the certificate is refused with a cure."""
    key, cert = certificate
    broker = Mosquitto(tmp_path, listener=f"certfile {cert}\nkeyfile {key}\n")
    url = broker.url.replace("mqtt://", "mqtts://")
    async with rig_on(broker) as rig:
        trusting = BusSettings(url=url, ca_file=cert, protocol="5")
        bus, sink = rig.bus(settings=trusting), Sink()
        async with connected(bus, sink):
            async with connected(rig.bus("giver", settings=trusting)):
                await asyncio.gather(*(bus.publish(UP, bytes(9000)) for _ in range(100)))
            await bus.publish(UP, b"x")
        refused = await fate(rig.bus(settings=BusSettings(url=url, protocol="5")).run(Sink()))

    assert isinstance(refused, BusRefused)
    assert "ca_file" in str(refused)
