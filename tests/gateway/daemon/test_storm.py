"""A storm of reports into a post with a small cap: nothing in memory grows, what is shed is declared, no SOS is."""

import asyncio
import collections
from array import array
from dataclasses import replace

from gateway.daemon import heardagain
from gateway.daemon.core import COUNTERS_MAX
from gateway.link import Fix, Heard, Payload
from gateway.model import BundleState, Precedence
from gateway.simulate.loop import run_virtual
from gateway.store import records, shedding
from gateway.store.limits import Limits
from gateway.store.shelf import Note
from tests.gateway.daemon.rig import running
from tests.gateway.daemon.scripted_link import heard

REPORTS, CAP, LINKS, PEERS = 1_200, 300, 8, 300
SOS_EVERY = 100


def said(terminal):
    """Return what one terminal says: one SOS in a hundred, the others positions, needs, casualties and words."""
    text = ("", "", "", "需要帐篷20顶", "3人受伤", "房子裂了")[terminal % 6]
    if terminal % SOS_EVERY == 0:
        text = f"求救，{1 + terminal // SOS_EVERY}人被困"
    fix = Fix(30.0 + terminal / 1e5, 103.0)
    return Heard(peer=str(100_000 + terminal), payload=Payload.of_text(text), fix=fix)


async def storm(rig):
    """Let every link hear its share, one report after the other, all links at once."""

    async def hear(link, terminals):
        for terminal in terminals:
            await rig.hear(said(terminal), link=link)

    names = sorted(rig.core.links)
    await asyncio.gather(*(hear(name, range(n, REPORTS, LINKS)) for n, name in enumerate(names)))


def sizes(thing, seen):
    """Return the number of entries of every container that can be reached from an object of the gateway."""
    if id(thing) in seen or isinstance(thing, str | bytes | int | float | type):
        return 0
    seen.add(id(thing))
    own = len(thing) if isinstance(thing, dict | list | set | collections.deque | tuple) else 0
    parts = list(thing.values()) if isinstance(thing, dict) else []
    if isinstance(thing, list | set | tuple | collections.deque) and not isinstance(thing, array):
        parts = list(thing)
    if type(thing).__module__.startswith("gateway.") or type(thing).__module__.startswith("tests."):
        slots = [name for one in type(thing).__mro__ for name in getattr(one, "__slots__", ())]
        parts += [getattr(thing, name) for name in (*getattr(thing, "__dict__", {}), *slots) if hasattr(thing, name)]
    return own + sum(sizes(part, seen) for part in parts)


async def outcome(tmp_path):
    limits = Limits(bundles_max=CAP, duplicates_max=800, owed_max=500, places_max=500)
    async with running(tmp_path, links=[f"bd{n}" for n in range(LINKS)], bus={}, limits=limits) as rig:
        await rig.settle(10)
        rig.broker.down()
        await rig.settle(5)
        before = sizes(rig.gateway, set())

        await storm(rig)

        grown = sizes(rig.gateway, set()) - before
        rows = await rig.do(lambda outbox: outbox.rows())
        noted = await rig.do(lambda outbox: outbox.noted())
        calls = [one for one in await rig.reports() if one.precedence is Precedence.FLASH]
        status = await rig.ask(op="status")
        return grown, rows, noted, calls, status


def test_a_storm_grows_nothing_sheds_by_the_rules_and_keeps_every_sos(tmp_path, monkeypatch):
    """Each table is within its cap, each report is accounted for, every SOS is open."""
    monkeypatch.setattr(heardagain, "PEERS_MAX", PEERS)
    grown, rows, noted, calls, status = run_virtual(outcome(tmp_path))

    assert grown < PEERS + COUNTERS_MAX, "some table of the gateway grows with the reports"
    assert rows["duplicate"] <= 800
    assert rows["owed"] <= 500
    assert rows["place"] <= 500
    balance = status["balance"]
    refused = status["counters"]["heard but not taken: store full or failing"]
    assert balance["accepted"] + refused == REPORTS
    assert balance["queued"] <= CAP
    assert balance["balanced"]
    assert noted["shed: cap bundles_max"] == balance["shed"] == balance["accepted"] - balance["queued"]
    assert len(calls) == REPORTS // SOS_EVERY
    assert {call.state for call in calls} <= {BundleState.QUEUED, BundleState.SENT}


def test_planted_defect_the_oldest_goes_whatever_it_is(tmp_path, monkeypatch):
    """Shedding by age alone loses calls for help in the storm, and the storm shows it."""

    def oldest(self, _newcomer, now_s, reason):
        (stored,) = self._read(self._db.execute("SELECT * FROM bundle WHERE state < 5 ORDER BY seq LIMIT 1").fetchall())
        moving = self._close(stored.moving, now_s, records.SHED, reason, Note("shed", words=reason))
        return replace(stored, moving=moving).bundle()

    monkeypatch.setattr(shedding.Shedding, "_shed_one", oldest)
    *_, calls, _ = run_virtual(outcome(tmp_path))

    assert BundleState.SHED in {call.state for call in calls}


async def test_who_typed_a_shed_report_is_told_and_it_is_taken_anew(tmp_path):
    """Given a report that was receipted and then shed, then its author reads so, and the same words are a new report."""
    async with running(tmp_path, limits=Limits(bundles_max=2, receipt_interval_s=60.0)) as rig:
        await rig.hear(heard("今晚在磨西镇过夜", peer="5"))
        await rig.settle(5)
        await rig.hear(heard("今晚在得妥镇过夜", peer="6"))
        await rig.settle(120)

        device = rig.devices["bd1"]
        told = [(sent.peer, sent.payload.text) for _, sent in device.aired]
        assert told == [("5", "已收到,编号1"), ("6", "已收到,编号2"), ("5", "未能保存1,请重发")]
        await rig.hear(heard("今晚在磨西镇过夜", peer="5"))
        assert [report.state for report in await rig.reports()] == [
            BundleState.SHED,
            BundleState.SHED,
            BundleState.QUEUED,
        ]
