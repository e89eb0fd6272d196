"""What one link has spent and what was learned of it, kept on disk: a restart neither refills a budget nor forgets a sky."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from gateway.link import PayloadKind
from gateway.observe.log import logger
from gateway.router.budget import Ledger, Period
from gateway.router.estimate import LinkEstimate
from gateway.store.errors import StoreError

if TYPE_CHECKING:
    from gateway.daemon.core import Core
    from gateway.daemon.supervisor import LinkRunner
    from gateway.link import Payload
    from gateway.store.outbox import Outbox

ESTIMATE_KEY = "estimate"
LEDGER_KEY = "spent/"
"""One value a window, since a link's values have a longest length."""

ESTIMATE_EVERY_S = 600.0
"""How often what was learned is written: losing ten minutes of it costs nothing, writing each frame's would."""

log = logger("gateway.links")


class Accounts:
    """Loads, spends and keeps for one link."""

    def __init__(self, runner: LinkRunner, core: Core) -> None:
        self._runner = runner
        self._core = core
        self._kept_s = -math.inf
        self._is_spent = False

    def load(self, outbox: Outbox) -> None:
        """Take up what the last run left; damaged figures are as good as none, and said."""
        runner, now_s = self._runner, self._core.now_s()
        spent = {}
        for period in runner.terms.budget.limits:
            value = self._value(outbox, LEDGER_KEY + period)
            if isinstance(value, list):
                spent[str(period)] = value
        try:
            runner.ledger = Ledger.from_json(spent, runner.terms.budget)
        except ValueError as error:
            log.warning("what was spent is not readable", link=runner.name, why=str(error))
        value = self._value(outbox, ESTIMATE_KEY)
        if isinstance(value, dict):
            try:
                runner.estimate = LinkEstimate.from_json(value)
            except ValueError as error:
                log.warning("what was learned is not readable", link=runner.name, why=str(error))
        self._kept_s = now_s

    def _value(self, outbox: Outbox, key: str) -> object:
        stored = outbox.memory_load(self._runner.name, key, self._core.now_s())
        try:
            return None if stored is None else json.loads(stored[0])
        except ValueError:
            return None

    def spend(self, payload: Payload) -> None:
        """Note that a payload left; the budget is written with what else the try changes."""
        runner = self._runner
        if not runner.ledger.budget.limits:
            return
        runner.ledger = runner.ledger.after(runner.terms.tariff.spend(1, self.bytes_of(payload)), self._core.now_s())
        self._is_spent = True

    def bytes_of(self, payload: Payload) -> int:
        """Return how many bytes a payload takes on this link."""
        if payload.kind is PayloadKind.BYTES:
            return len(payload.data)
        return math.ceil((self._runner.link.bits_of(payload) or 0) / 8)

    def keep(self, outbox: Outbox) -> None:
        """Write what has changed, in the transaction of whoever calls."""
        runner, now_s = self._runner, self._core.now_s()
        try:
            if self._is_spent:
                for period, buckets in runner.ledger.to_json().items():
                    self._save(outbox, LEDGER_KEY + Period(period), buckets, now_s)
                self._is_spent = False
            if now_s - self._kept_s >= ESTIMATE_EVERY_S:
                self._kept_s = now_s
                self._save(outbox, ESTIMATE_KEY, runner.estimate.to_json(), now_s)
        except StoreError as error:
            self._core.count("accounts of a link not kept")
            log.warning("accounts not kept", link=runner.name, why=str(error))

    def _save(self, outbox: Outbox, key: str, value: object, now_s: float) -> None:
        outbox.memory_save(self._runner.name, key, json.dumps(value, separators=(",", ":")), now_s)
