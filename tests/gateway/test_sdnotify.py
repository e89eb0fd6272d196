"""The service manager is told the truth, in its own words, and can never harm the gateway."""

import os
import socket
import threading

import pytest

from gateway.daemon.sdnotify import STATUS_CHARS_MAX, Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """A socket as systemd makes it, and what NOTIFY_SOCKET says of it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@yizhan-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name.replace("@", "\0", 1))
        receiver.settimeout(2)
        yield receiver, name


def test_says_each_state_in_a_datagram_of_its_own(manager):
    """Ready, status, ping and stopping arrive in order and in sd_notify(3)'s words."""
    receiver, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})

    notifier.ready()
    notifier.status("3 links open, 12 收到")
    notifier.ping()
    notifier.stopping()

    said = [receiver.recv(4096).decode() for _ in range(4)]
    assert said == ["READY=1", "STATUS=3 links open, 12 收到", "WATCHDOG=1", "STOPPING=1"]


def test_status_cannot_smuggle_in_a_command(manager):
    """A line break in a status text, perhaps from the air, stays text: each line is an assignment to systemd."""
    receiver, name = manager

    Notifier({"NOTIFY_SOCKET": name}).status("card gone\nMAINPID=1\x1b[2J")

    assert receiver.recv(4096) == b"STATUS=card gone\\nMAINPID=1\\x1b[2J"


def test_status_is_bounded(manager):
    """A status longer than the line is cut at its maximum."""
    receiver, name = manager

    Notifier({"NOTIFY_SOCKET": name}).status("x" * 10_000)

    assert len(receiver.recv(65_536)) == len("STATUS=") + STATUS_CHARS_MAX


@pytest.mark.parametrize(
    "name", ["", "@", "/nowhere/at/all", "vsock:2:1234", "relative", "/" + "x" * 500, "@\0", "/bad\udcff"]
)
def test_nobody_listening_is_no_error(name):
    """Without a manager, with a dead one or an address of another kind every call does nothing."""
    notifier = Notifier({"NOTIFY_SOCKET": name} if name else {})

    notifier.ready()
    notifier.status("\ud800 lone surrogate")
    notifier.ping()
    notifier.stopping()


def test_full_buffer_neither_blocks_nor_raises(manager):
    """A manager that does not read (frozen) cannot hold up the event loop."""
    receiver, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})
    pings = threading.Thread(target=lambda: [notifier.ping() for _ in range(5000)], daemon=True)

    pings.start()
    pings.join(timeout=10)

    assert not pings.is_alive()
    assert receiver.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({}, None),
    ],
)
def test_watchdog_interval_is_read_from_the_environment(environ, expected):
    """The interval is in seconds, and only when it is meant for this process."""
    assert Notifier(environ).watchdog_s == expected
