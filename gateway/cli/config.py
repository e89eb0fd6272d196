"""``yizhan config validate``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli.client import json_option, print_json
from gateway.cli.exits import Exit
from gateway.messages.translate import tr
from gateway.observe.escape import printable


@click.group(help=tr("Check a configuration file."))
def config() -> None:
    """Group of configuration commands."""


@config.command(help=tr("Check FILE whole and show every fault with its place. Opens no device and changes nothing."))
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def validate(file: Path, as_json: bool) -> None:
    """Validate a file."""
    from gateway.config.loader import ConfigError, load
    from gateway.daemon.drivers import find_driver

    try:
        configuration = load(file, find_driver)
    except ConfigError as error:
        if as_json:
            print_json(
                {"file": str(file), "ok": False, "faults": [{"where": f.where, "what": f.what} for f in error.faults]}
            )
        else:
            for fault in error.faults:
                click.echo(printable(f"{fault.where}: {fault.what}"), err=True)
            click.echo(tr("{file}: {count} faults").format(file=file, count=len(error.faults)), err=True)
        sys.exit(Exit.CONFIG)
    links = sorted(configuration.links)
    if as_json:
        print_json({"file": str(file), "ok": True, "faults": [], "links": links})
    else:
        click.echo(tr("{file}: good; links: {links}").format(file=file, links=", ".join(links) or tr("none")))
