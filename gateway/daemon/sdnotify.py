"""Tell systemd how the service is: ready, stopping, status line, alive. Source: systemd's sd_notify(3) manual.

The watchdog must be fed by progress, not by a timer: the caller pings only after loop, store and links have all done
something since the last ping.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from gateway.observe.escape import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS_CHARS_MAX = 500
"""``systemctl status`` shows one line; more would only fill the datagram."""


class Notifier:
    """Sends the service's state to the socket named in the environment; without one every call does nothing.

    No call raises or blocks: a service manager that is gone or slow must not stop the gateway.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.watchdog_s = _watchdog_s(environ)
        """Seconds within which systemd expects a ping, or None when it expects none. Ping at half of it."""

    def ready(self) -> None:
        """Say that the service is up: store open, links started, control socket listening."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """Set the line that ``systemctl status`` shows; line breaks in it are escaped, they would be commands."""
        self._send(f"STATUS={printable(text)[:STATUS_CHARS_MAX]}")

    def stopping(self) -> None:
        """Say that an orderly stop has begun."""
        self._send("STOPPING=1")

    def ping(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def _send(self, state: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto(state.encode("utf-8", "backslashreplace"), self._address)
        except OSError:
            pass  # nobody there to tell, or its buffer is full: the next state will say it


def _address(name: str) -> bytes | None:
    """Return the socket's address; a leading ``@`` stands for the abstract name space. Other kinds are not spoken."""
    if name.startswith("@") and len(name) > 1:
        return b"\0" + os.fsencode(name[1:])
    return os.fsencode(name) if name.startswith("/") else None


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """Return the watchdog's interval when it is meant for this process."""
    interval_us, owner = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", str(os.getpid()))
    if not interval_us.isascii() or not interval_us.isdigit() or int(interval_us) == 0 or owner != str(os.getpid()):
        return None
    return int(interval_us) / 1_000_000
