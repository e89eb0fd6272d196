"""Nets of relays: right tables and nonsense, rings and meshes; everything arrives that can, and no frame circles."""

import random

import pytest

from gateway.air import relaying as module
from gateway.air.explicit import HOP_LIMIT, explicit_of
from gateway.air.relaying import SEND_WITHIN_S, Budgets
from protocols.record.layout import RecordFrame
from tests.gateway.air.relaynet import Net, hello, record


def random_neighbours(rng):
    """Return a ring, a mesh, or something between, with hq and v1 somewhere in it."""
    count = rng.randint(3, 9)
    names = ["hq", "v1", *(f"r{number}" for number in range(1, count - 1))]
    neighbours = {name: set() for name in names}
    kind = rng.choice(["ring", "mesh", "sparse"])
    pairs = [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]
    if kind == "ring":
        order = rng.sample(names, count)
        pairs = list(zip(order, [*order[1:], order[0]], strict=True))
    elif kind == "sparse":
        pairs = [pair for pair in pairs if rng.random() < 0.35]
    for one, other in pairs:
        neighbours[one].add(other)
        neighbours[other].add(one)
    return {name: tuple(sorted(known)) for name, known in neighbours.items()}


def distances(neighbours, target):
    """Return how many steps each place is from the target."""
    far, edge = {target: 0}, [target]
    while edge:
        edge = [
            other
            for one in edge
            for other in neighbours[one]
            if other not in far and not far.update({other: far[one] + 1})
        ]
    return far


def shortest(neighbours, target):
    """Return for each place the routes to the target by all of its nearer neighbours."""
    far = distances(neighbours, target)
    return {
        name: [(f"station:{target}", other) for other in known if far.get(other, 99) < far.get(name, 99)]
        for name, known in neighbours.items()
    }


@pytest.mark.parametrize("block", range(4))
def test_in_any_net_with_right_tables_a_record_arrives_if_a_path_is_short_enough(block):
    """1000 nets: it arrives once where a path of at most seven relays is there, each relay carries it at most once."""
    for seed in range(block * 250, (block + 1) * 250):
        rng = random.Random(seed)
        neighbours = random_neighbours(rng)
        steps = distances(neighbours, "hq").get("v1")
        net = Net(rng, neighbours, shortest(neighbours, "hq"))
        frame = record(net.number["v1"], net.number["hq"])
        first = [via for _, via in shortest(neighbours, "hq")["v1"]][:1]
        net.emit(net.now_s, "v1", "hq", first, frame)

        net.run()

        assert set(net.carried.values()) <= {1}, seed
        reachable = steps is not None and steps - 1 <= HOP_LIMIT
        assert net.arrived[explicit_of(frame).key()] == reachable, seed


def run_nonsense(seed, *, says=3, delay_s=(0.1, 200.0)):
    """Run a net whose tables are nonsense: loops, detours, dead ends; the source says a record and a hello several times."""
    rng = random.Random(seed)
    neighbours = random_neighbours(rng)
    tables = {
        name: [("station:hq", via) for via in rng.sample(known, min(len(known), rng.randint(0, 3)))]
        for name, known in neighbours.items()
    }
    net = Net(rng, neighbours, tables, delay_s=delay_s)
    frames = [record(net.number["v1"], net.number["hq"]), hello(net.number["v1"], net.number["hq"])]
    first = [name for name in neighbours["v1"] if rng.random() < 0.6]
    for number in range(says):
        for frame in frames:
            net.emit(net.now_s + 4_000.0 * number, "v1", "hq", first, frame)
    net.run()
    return net, frames


@pytest.mark.parametrize("block", range(4))
def test_in_any_net_with_any_tables_no_frame_circles(block):
    """1000 nets of nonsense, heard by several at once: each relay carries what was said once at most once; it stops."""
    for seed in range(block * 250, (block + 1) * 250):
        net, _ = run_nonsense(seed)

        assert all(count <= 3 for count in net.carried.values()), seed


def test_with_any_delays_a_record_ends_with_its_hops():
    """Where rings are slower than the window for copies, the hop limit still ends it."""
    for seed in range(100):
        net, _ = run_nonsense(seed, says=1, delay_s=(1.0, SEND_WITHIN_S / 2))

        assert sum(net.carried.values()) <= 2 * 9 * (HOP_LIMIT + 1), seed


def what_breaks(seeds=range(60)):
    """Return what the first broken promise says; nothing if none breaks."""
    for seed in seeds:
        try:
            net, _ = run_nonsense(seed, says=1)
        except AssertionError as error:
            return str(error)
        if any(count > 1 for count in net.carried.values()):
            return "carried twice"
    return ""


def test_a_window_that_is_off_is_caught(monkeypatch):
    """Planted: no copy is ever recognised."""
    monkeypatch.setattr(module, "is_asked_again", lambda *_, **__: True)

    assert what_breaks()


def test_without_hops_window_and_budget_there_is_a_flood(monkeypatch):
    """Planted: hops, copies and budgets are not looked at: frames circle for ever, so the nets above do have rings."""
    monkeypatch.setattr(module, "is_asked_again", lambda *_, **__: True)
    monkeypatch.setattr(RecordFrame, "relayed", lambda frame: frame)
    monkeypatch.setattr(Budgets, "spend", lambda *_, **__: True)

    assert any("does not stop" in what_breaks(seeds=[seed]) for seed in range(80, 90))


def test_a_hop_limit_that_is_not_lowered_is_caught(monkeypatch):
    """Planted: a relay sends on what it got, so that a row of nine relays lets a record through."""
    row = ["v1", *(f"r{number}" for number in range(1, 10)), "hq"]
    neighbours = {name: tuple(row[max(0, at - 1) : at] + row[at + 1 : at + 2]) for at, name in enumerate(row)}

    def arrives():
        net = Net(random.Random(1), neighbours, shortest(neighbours, "hq"))
        frame = record(net.number["v1"], net.number["hq"])
        net.emit(net.now_s, "v1", "hq", ["r1"], frame)
        net.run()
        return net.arrived[explicit_of(frame).key()]

    assert arrives() == 0
    monkeypatch.setattr(RecordFrame, "relayed", lambda frame: frame)
    assert arrives() == 1
