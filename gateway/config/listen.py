"""Where the embedded broker may listen: loopback, since it asks nobody for a password."""

from __future__ import annotations

import ipaddress


class ListenError(ValueError):
    """An address that this broker does not listen on."""


def check_listen(listen: str) -> None:
    """Raise ListenError unless ``listen`` is a loopback address with a port."""
    host, _, port = listen.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise ListenError(f"--listen: found {listen!r}, write an address and a port such as 127.0.0.1:1883") from None
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ListenError(f"--listen: found port {port!r}, use 1 to 65535")
    if not address.is_loopback:
        raise ListenError(
            f"--listen: found {host}, but this broker asks nobody for a password and listens on loopback only; "
            "use 127.0.0.1, or mosquitto with passwords for other machines"
        )
