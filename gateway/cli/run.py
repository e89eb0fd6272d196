"""``yizhan run``: the daemon in the foreground."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli.client import fail
from gateway.cli.exits import Exit
from gateway.messages.translate import tr
from gateway.observe.escape import printable


@click.command(help=tr("Run the gateway in the foreground until SIGTERM or Ctrl-C."))
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("/etc/yizhan/gateway.toml"),
    show_default=True,
    help=tr("Configuration file."),
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help=tr("Least severe log line to write."),
)
def run(config_path: Path, log_level: str) -> None:
    """Run the daemon."""
    import asyncio

    from gateway.config.loader import ConfigError
    from gateway.daemon.app import run_daemon
    from gateway.observe.log import configure
    from gateway.store.errors import StoreError

    configure(log_level)
    try:
        asyncio.run(run_daemon(config_path))
    except ConfigError as error:
        for fault in error.faults:
            click.echo(printable(f"{error.path}: {fault.where}: {fault.what}"), err=True)
        sys.exit(Exit.CONFIG)
    except StoreError as error:
        fail(Exit.REFUSED, str(error))
