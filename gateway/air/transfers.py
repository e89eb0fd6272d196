"""Transfers on their way to peers, as they are on disk: the pieces of what is longer than a frame, by bundle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gateway.air.sessions import NUMBERS, TRANSFER
from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import TRANSFERS
from protocols.fragment.numbers import Numbers
from protocols.fragment.sender import Sending, SendingState
from protocols.fragment.split import choose_split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.air.peers import Peer
    from gateway.air.sessions import Sessions
    from gateway.model import Bundle
    from gateway.store.outbox import Outbox

LOSS_EXPECTED = 0.1
"""Share of frames that is taken to be lost while no link is open that could have measured it."""

POLL_AFTER_S = 30.0
"""Wait for a report before one frame more is sent: no slot stays empty while nobody knows (bench/fragment.py)."""

POLLS_UNANSWERED = 4
"""After so many polls in a row without an answer a piece counts as a try of the whole: others get the next ones."""

TRANSFERS_MAX = 10_000
"""Transfers looked through for a number: 8 a peer are open at most."""


class SendingTransfers:
    """Finds, keeps and ends them. Runs on the store's thread."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def begin(
        self,
        outbox: Outbox,
        bundle: Bundle,
        peer: Peer,
        plain: bytes,
        rooms: Sequence[int],
        *,
        loss: float,
        long_tag: bool,
        now_s: float,
    ) -> tuple[Sending, dict[str, Any]] | None:
        """Begin the transfer of a bundle's content; None while as many are open to the peer as have numbers."""
        split = choose_split(len(plain), rooms)
        numbers = self._numbers(outbox, peer.id)
        number = numbers.take(now_s)
        if number is None:
            self._reap(outbox, peer.id, now_s)
            numbers = self._numbers(outbox, peer.id)
            number = numbers.take(now_s)
        if number is None:
            return None
        outbox.air_state_put(peer.id, NUMBERS, json.dumps(numbers.snapshot()).encode())
        sending = Sending(
            number,
            plain,
            split,
            loss=loss,
            now=now_s,
            expires_s=max(now_s + 1.0, bundle.expires_s),
            poll_after_s=POLL_AFTER_S,
        )
        rest = {"peer": peer.id, "content": plain.hex(), "long": long_tag, "shared": peer.shares}
        self.put(outbox, bundle.seq, sending, rest)
        return sending, rest

    def report(self, outbox: Outbox, seq: int, need: int, now_s: float) -> bool:
        """Take a peer's report on the transfer of a bundle; tell whether it has all of it."""
        transfer = self.of(outbox, seq)
        if transfer is None:
            return False
        sending, rest = transfer
        if not need and sending.sent < sending.split.k:
            return False  # nobody can have all of it: this is of another transfer
        try:
            sending.on_report(min(need, sending.split.k), now_s)
        except FragmentError:
            return False
        self.put(outbox, seq, sending, rest)
        return sending.done

    def end(self, outbox: Outbox, seq: int, now_s: float) -> None:
        """Forget the transfer of a bundle that is closed or has arrived."""
        transfer = self.of(outbox, seq)
        if transfer is None:
            return
        sending, rest = transfer
        outbox.air_state_drop(seq, TRANSFER)
        numbers = self._numbers(outbox, rest["peer"])
        if sending.transfer in numbers.open:
            numbers.end(sending.transfer, now_s, complete=sending.state is SendingState.COMPLETE)
            outbox.air_state_put(rest["peer"], NUMBERS, json.dumps(numbers.snapshot()).encode())

    def is_open(self, outbox: Outbox, seq: int) -> bool:
        """Tell whether a bundle has a transfer."""
        return outbox.air_state(seq, TRANSFER) is not None

    def is_unanswered(self, outbox: Outbox, seq: int) -> bool:
        """Tell whether the transfer of a bundle has been silent for so long that its link may bring nothing."""
        transfer = self.of(outbox, seq)
        return transfer is not None and transfer[0].polls >= POLLS_UNANSWERED

    def due_s(self, outbox: Outbox, seq: int) -> float | None:
        """Return when the transfer of a bundle has something to send; None when there is none."""
        transfer = self.of(outbox, seq)
        return None if transfer is None else transfer[0].next_due

    def bundle_of(self, outbox: Outbox, peer: int, number: int) -> int | None:
        """Return the number of the bundle whose transfer to a peer has a number."""
        for seq, body in outbox.air_states(TRANSFER, TRANSFERS_MAX):
            rest = json.loads(body)
            if rest["peer"] == peer and rest["sending"]["transfer"] == number:
                return seq
        return None

    def _reap(self, outbox: Outbox, peer: int, now_s: float) -> None:
        """End the transfers to a peer whose bundles are closed or gone: expired, shed, or delivered some other way."""
        held = set()
        for seq, body in outbox.air_states(TRANSFER, TRANSFERS_MAX):
            rest = json.loads(body)
            if rest["peer"] != peer:
                continue
            bundle = outbox.numbered(seq)
            if bundle is None or not bundle.state.is_open:
                self.end(outbox, seq, now_s)
            else:
                held.add(rest["sending"]["transfer"])
        numbers = self._numbers(outbox, peer)
        for number in numbers.open - held:
            numbers.end(number, now_s, complete=False)
        outbox.air_state_put(peer, NUMBERS, json.dumps(numbers.snapshot()).encode())

    def of(self, outbox: Outbox, seq: int) -> tuple[Sending, dict[str, Any]] | None:
        """Return the transfer of a bundle, and what is kept with it; None when there is none or it is damaged."""
        body = outbox.air_state(seq, TRANSFER)
        if body is None:
            return None
        try:
            rest = json.loads(body)
            return Sending.restore(bytes.fromhex(rest["content"]), rest["sending"]), rest
        except (FragmentError, ValueError, KeyError, TypeError):
            return None

    def put(self, outbox: Outbox, seq: int, sending: Sending, rest: dict[str, Any]) -> None:
        """Keep it."""
        body = {**rest, "sending": sending.snapshot()}
        outbox.air_state_put(seq, TRANSFER, json.dumps(body).encode())

    def _numbers(self, outbox: Outbox, peer: int) -> Numbers:
        body = outbox.air_state(peer, NUMBERS)
        if body is not None:
            try:
                return Numbers.restore(json.loads(body))
            except (FragmentError, ValueError):
                pass  # as if lost
        # Anywhere: a late report on a number of before must not meet the same number of now.
        return Numbers(first=self._sessions.dice(TRANSFERS))
