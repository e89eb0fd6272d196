"""``yizhan port scan``: which terminal is on which port, asked without transmitting."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import json_option, print_json
from gateway.messages.translate import tr
from gateway.observe.escape import printable

PATTERNS = ("serial/by-id/*", "yizhan/*", "ttyUSB*", "ttyACM*", "ttyAMA*", "ttyS[0-9]")
"""Names below /dev, the most stable first."""

PORTS_MAX = 64


@click.group(help=tr("Find terminals on this machine's ports, without transmitting."))
def port() -> None:
    """Group of port commands."""


@port.command(
    help=tr(
        "Ask each port for its card, at every usual baud rate and in every protocol. Only reads: nothing is sent over the air. Names ports or finds them."
    )
)
@click.argument("ports", nargs=-1, metavar="[PORT]…")
@json_option
def scan(ports: tuple[str, ...], as_json: bool) -> None:
    """Scan ports."""
    import asyncio

    found = list(ports) or _ports()
    results: list[dict[str, Any]] = []
    for number, name in enumerate(found, 1):
        click.echo(
            tr("[{number}/{count}] asking {port} …").format(number=number, count=len(found), port=name), err=True
        )
        results.append(asyncio.run(_probe(name)))
    if as_json:
        print_json({"ports": results})
        return
    if not results:
        click.echo(tr("no serial ports found; is the cable in, and does the group dialout let you see it?"))
    for result in results:
        if result["driver"] is None:
            click.echo(
                tr("{port}: nothing known ({why})").format(port=result["port"], why=printable(result["problem"]))
            )
            continue
        identity = ", ".join(f"{key} {value}" for key, value in result["identity"].items())
        note = f" ({result['problem']})" if result["problem"] else ""
        click.echo(printable(f"{result['port']}: {result['driver']}: {identity}{note}"))


def _ports() -> list[str]:
    """Return each device once, under its most stable name."""
    from pathlib import Path

    seen: dict[Path, str] = {}
    for pattern in PATTERNS:
        for path in sorted(Path("/dev").glob(pattern)):
            seen.setdefault(path.resolve(), str(path))
    return list(seen.values())[:PORTS_MAX]


async def _probe(name: str) -> dict[str, Any]:
    """Let every installed driver that can probe have a look."""
    from gateway.daemon.drivers import probing_drivers

    why = tr("no driver that can probe is installed")
    for driver in probing_drivers():
        found = await driver.probe(name)
        if found.identity:
            return {"port": name, "driver": driver.name, "identity": dict(found.identity), "problem": found.problem}
        why = found.problem
    return {"port": name, "driver": None, "identity": {}, "problem": why}
