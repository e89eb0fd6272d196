"""The composition root: a configuration becomes a running daemon. The only place where everything is put together."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.air.contextfile import ContextError, load_context, load_words
from gateway.bus.mqtt import MqttBus
from gateway.bus.payloads import will_payload
from gateway.bus.port import Will
from gateway.bus.topics import Topics
from gateway.clock import SystemClock
from gateway.config.loader import ConfigError, Fault, load
from gateway.daemon.brokerprocess import BrokerProcess
from gateway.daemon.control import ControlSocket
from gateway.daemon.drivers import find_driver
from gateway.daemon.gateway import Gateway
from gateway.daemon.sdnotify import Notifier
from gateway.daemon.version import VERSION
from gateway.link import LinkContext
from gateway.observe.log import logger
from gateway.router.routes import RouteError
from gateway.security.errors import SecurityError
from gateway.security.keyring import Keyring
from gateway.store.limits import PAGE_BYTES, Limits
from gateway.store.opening import open_store
from protocols.content.context import Shared

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.config.loader import Configuration
    from gateway.config.settings import BusSettings

STATUS_EVERY_S = 5.0

log = logger("gateway")


class StopRequested(Exception):
    """SIGTERM or SIGINT came."""


async def run_daemon(config_path: Path) -> None:
    """Run until SIGTERM or SIGINT. Raise ConfigError, StoreError, or whatever bug ends it."""
    configuration = load(config_path, find_driver)
    settings = configuration.settings
    try:
        settings.gateway.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _config_error(config_path, "gateway.state_dir", settings.gateway.state_dir, error) from error
    clock = SystemClock()
    rng = random.Random(os.urandom(16))
    store, report = open_store(
        settings.gateway.state_dir / "outbox.db",
        gateway=settings.gateway.id,
        clock=clock,
        rng=rng,
        limits=Limits(
            bundles_max=settings.store.bundles_max,
            pages_max=settings.store.bytes_max // PAGE_BYTES,
            forget_after_s=settings.store.history_s,
            receipt_interval_s=settings.handsets.receipt_interval_s,
        ),
    )
    if report.alarm:
        log.error("store opened with damage", note=report.alarm)
    try:
        gateway = Gateway(settings, store, store.timeline, clock, rng)
        _add_links(gateway, configuration)
        _add_air(gateway, config_path)
        broker = _add_bus(gateway, settings.bus)
        control = ControlSocket(settings.gateway.control_socket, gateway.operations)
        try:
            await control.open()
        except OSError as error:
            raise _config_error(
                config_path, "gateway.control_socket", settings.gateway.control_socket, error
            ) from error
        await _serve(gateway, control, broker)
    finally:
        await store.close()


def _config_error(config_path: Path, where: str, path: Path, error: OSError) -> ConfigError:
    return ConfigError(config_path, [Fault(where, f"{path} cannot be used: {error.strerror or error}")])


def _add_links(gateway: Gateway, configuration: Configuration) -> None:
    for name, (driver, settings) in configuration.links.items():
        context = LinkContext(name=name, memory=gateway.memory_for(name), rng=random.Random(gateway.core.rng.random()))
        gateway.add_link(driver.make(settings, context))


def _add_air(gateway: Gateway, config_path: Path) -> None:
    settings = gateway.core.settings
    if settings.air is None:
        return
    folder = settings.air.keys or settings.gateway.state_dir / "keys"
    try:
        root = settings.air.root_key_file
        given = os.environ.get("CREDENTIALS_DIRECTORY")
        is_credential = root is not None and given is not None and root.is_relative_to(given)
        keys = Keyring(folder, root_file=root, root_is_credential=is_credential)
        context = None if settings.air.context is None else load_context(settings.air.context)
        words = [] if context is None or context.words_file is None else load_words(context.words_file)
    except SecurityError as error:
        raise ConfigError(config_path, [Fault("air.keys", str(error))]) from error
    except ContextError as error:
        raise ConfigError(config_path, [Fault("air.context", str(error))]) from error
    for fault in keys.faults:
        log.error("key file not usable", why=fault)
    try:
        gateway.set_air(keys, folder, Shared() if context is None else context.shared(), words, os.urandom)
    except RouteError as error:
        raise ConfigError(config_path, [Fault("router.route", str(error))]) from error


def _add_bus(gateway: Gateway, bus: BusSettings | None) -> BrokerProcess | None:
    if bus is None:
        return None
    identity = gateway.core.settings.gateway
    topics = Topics(bus.root, identity.region, identity.id)
    will = Will(topics.state, will_payload(boot=gateway.core.clock.boot_id(), version=VERSION))
    client_id = f"yizhan-{topics.region}-{topics.gateway}"
    gateway.set_bus(MqttBus(bus, client_id=client_id, subscriptions=topics.subscriptions(), will=will), topics)
    if bus.embedded is None:
        return None
    return BrokerProcess(urlsplit(bus.url).netloc, bus.embedded.restart_delay_s)


async def _serve(gateway: Gateway, control: ControlSocket, broker: BrokerProcess | None) -> None:
    """Run everything until a signal; an orderly stop is not an error."""
    notifier = Notifier(os.environ)
    gateway.operations.broker_pid = lambda: None if broker is None else broker.pid
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_until_signal(), name="signals")
            group.create_task(gateway.run(), name="gateway")
            group.create_task(control.run(), name="control")
            if broker is not None:
                group.create_task(broker.run(), name="embedded broker")
            group.create_task(_report_to_manager(gateway, notifier), name="watchdog")
    except* StopRequested:
        log.info("stopped")
    finally:
        notifier.stopping()


async def _until_signal() -> None:
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, came.set)
    await came.wait()
    raise StopRequested


async def _report_to_manager(gateway: Gateway, notifier: Notifier) -> None:
    """Tell systemd that we are ready, how we are, and, while everything moves, that we are alive."""
    core = gateway.core
    notifier.ready()
    log.info("ready", gateway=core.settings.gateway.id, links=sorted(core.links), version=VERSION)
    every_s = STATUS_EVERY_S if notifier.watchdog_s is None else min(STATUS_EVERY_S, notifier.watchdog_s / 3)
    complained = False
    while True:
        stuck = core.progress.stuck()
        if stuck and not complained:
            log.error("no progress; the watchdog is not fed", parts=stuck)
        complained = bool(stuck)
        if not stuck:
            notifier.ping()
        states = ", ".join(f"{name} {runner.last.state}" for name, runner in sorted(core.links.items()))
        balance = core.store.balance.total
        notifier.status(f"links: {states or 'none'}; queued {balance.queued}, delivered {balance.delivered}")
        await asyncio.sleep(every_s)
