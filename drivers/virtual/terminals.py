"""Terminals by the name of their protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drivers.virtual.terminal_3 import Terminal3
from drivers.virtual.terminal_21 import Terminal21
from drivers.virtual.terminal_40 import Terminal40

if TYPE_CHECKING:
    from drivers.virtual.sky import Sky
    from drivers.virtual.terminal import SimulatedTerminal

TERMINALS: dict[str, type[SimulatedTerminal]] = {
    terminal.PROTOCOL: terminal for terminal in (Terminal21, Terminal40, Terminal3)
}


def simulated_terminal(protocol: str, sky: Sky, card: int, **settings: Any) -> SimulatedTerminal:
    """Make a terminal that speaks ``bd-2.1``, ``bd-4.0`` or ``bd-3``; settings as SimulatedTerminal takes them."""
    return TERMINALS[protocol](sky, card, **settings)
