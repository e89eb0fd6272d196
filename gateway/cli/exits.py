"""Exit codes of the command line; documented in docs/cli.md and never renumbered."""

from __future__ import annotations

import enum

from gateway.messages.translate import tr


class Exit(enum.IntEnum):
    """What a command's exit code says to a script."""

    DONE = 0
    BAD_INPUT = 1
    USAGE = 2
    NOT_REACHED = 3
    ENDED = 4
    REFUSED = 5
    NO_GATEWAY = 6
    CONFIG = 7

    def meaning(self) -> str:
        """Return what the code means, in the language in force."""
        return {
            Exit.DONE: tr("done, or the level waited for was reached"),
            Exit.BAD_INPUT: tr("some of the input was bad; each fault was shown"),
            Exit.USAGE: tr("wrong usage"),
            Exit.NOT_REACHED: tr("accepted and safe, but the level was not reached in time"),
            Exit.ENDED: tr("expired or shed before the level was reached"),
            Exit.REFUSED: tr("refused; nothing was stored"),
            Exit.NO_GATEWAY: tr("no running gateway was reached"),
            Exit.CONFIG: tr("the configuration is at fault"),
        }[self]
