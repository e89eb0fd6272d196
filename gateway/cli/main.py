"""``yizhan``: the entry point. Sub-commands are imported when chosen, so that ``--help`` is quick on a small machine."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.exits import Exit
from gateway.messages.translate import tr, use_language

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMANDS: dict[str, tuple[str, Callable[[], str]]] = {
    "run": ("gateway.cli.run:run", lambda: tr("Run the gateway with a configuration file.")),
    "status": ("gateway.cli.status:status", lambda: tr("Show links, bus, queue and balance of the running gateway.")),
    "send": ("gateway.cli.send:send", lambda: tr("Send an order or a text to a person, a group or a grid cell.")),
    "explain": ("gateway.cli.explain:explain", lambda: tr("Tell what happened to a bundle and what it waits for.")),
    "route": ("gateway.cli.route:route", lambda: tr("Tell which link something would take now, and why.")),
    "station": ("gateway.cli.station:station", lambda: tr("Add stations to the registry, or list them.")),
    "key": ("gateway.cli.key:key", lambda: tr("Make, carry over, list and revoke keys.")),
    "config": ("gateway.cli.config:config", lambda: tr("Check a configuration file.")),
    "simulate": (
        "gateway.cli.simulate:simulate",
        lambda: tr("Simulate a scenario, beside naive policies and an oracle."),
    ),
    "port": ("gateway.cli.port:port", lambda: tr("Find terminals on this machine's ports, without transmitting.")),
    "frame": ("gateway.cli.frame:frame", lambda: tr("Decode or encode device sentences and frames.")),
    "air": ("gateway.cli.air:air", lambda: tr("Turn messages into air frames and back, to see what they take.")),
    "text": ("gateway.cli.text:text", lambda: tr("Understand handset texts.")),
}
"""Where each command lives and what it is for; the help text is looked up in the language in force."""


class LazyGroup(click.Group):
    """A group whose commands are looked up by name and imported on use."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line; with ``--json`` a wrong usage is told as one JSON object too."""
        given = sys.argv[1:] if args is None else list(args)
        if "--json" not in given or not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode, **extra)
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.ClickException as error:
            from gateway.cli.client import print_json

            print_json({"error": error.format_message(), "code": Exit.USAGE.name.lower()})
            code = Exit.USAGE
        sys.exit(code if isinstance(code, int) else Exit.DONE)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List commands from the table, importing none."""
        del ctx
        with formatter.section(tr("Commands")):
            formatter.write_dl([(name, help_text()) for name, (_, help_text) in COMMANDS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the exit codes."""
        del ctx
        with formatter.section(tr("Exit codes")):
            formatter.write_dl([(str(code.value), code.meaning()) for code in Exit])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--language", metavar="zh_CN|en", help="Language of texts; default: from the environment.")
@click.version_option(package_name="yizhan")
def main(language: str | None) -> None:
    """Yizhan (驿站): emergency messages over Beidou, HF and satellite, in step with the command bus."""
    if language is not None:
        try:
            use_language(language)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--language") from None
