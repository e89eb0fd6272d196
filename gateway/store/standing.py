"""The one record that is written with every commit: epoch, next number, timeline mark and tallies."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from gateway.clock import TimelineMark
from gateway.store.records import BadRecord, checked, sealed
from gateway.store.tallies import Tallies, to_json

if TYPE_CHECKING:
    import random

    from gateway.store.connection import Connection

EPOCH_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
"""RFC 4648 base32: upper case and digits that are not mistaken for letters."""

EPOCH_CHARS = 4


def mint_epoch(rng: random.Random) -> str:
    """Return a word that tells this store file from an earlier one of the same gateway, whose numbers began at 1 too."""
    return "".join(rng.choice(EPOCH_ALPHABET) for _ in range(EPOCH_CHARS))


@dataclass(slots=True)
class Standing:
    """Where the store stands. The tallies in it are the live ones."""

    epoch: str
    next_seq: int
    mark: TimelineMark | None
    tallies: Tallies

    def save(self, connection: Connection) -> None:
        """Write it; part of the transaction whose changes it counts."""
        body = to_json(
            {
                "epoch": self.epoch,
                "next_seq": self.next_seq,
                "mark": None if self.mark is None else asdict(self.mark),
                "tallies": self.tallies.to_value(),
            }
        )
        connection.execute("INSERT OR REPLACE INTO standing VALUES (?, ?, ?)", sealed(1, body))


def load(connection: Connection) -> Standing:
    """Read it; raise BadRecord when it is missing or damaged."""
    rows = connection.execute("SELECT * FROM standing WHERE one = 1").fetchall()
    if not rows:
        raise BadRecord("no standing record")
    _, body = checked(rows[0])
    value = json.loads(body)
    mark = value["mark"]
    return Standing(
        epoch=value["epoch"],
        next_seq=value["next_seq"],
        mark=None if mark is None else TimelineMark(**mark),
        tallies=Tallies.from_value(value["tallies"]),
    )
