"""By which neighbour a station is reached: longest match, static before learned, fresh before stale, never back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.router.routes import (
    EXPIRY_S,
    FRESH_S,
    LEARNED_MAX,
    LEARNED_PER_STATION_MAX,
    STATIC_MAX,
    Learned,
    Pattern,
    RouteError,
    Routes,
    StaticRoute,
    Target,
    in_turn,
)

NOW_S = 100_000.0
NAMES = st.sampled_from(["v1", "v2", "v17", "r1", "r2", "r3", "hq", "510000", "513221"])
PATTERNS = st.sampled_from(["station:v1", "v1", "v*", "v1*", "r*", "default", "51*", "5132*", "*"])


def routes(*lines, upstream=None, own="me"):
    return Routes(own, tuple(StaticRoute(Pattern.parse(to), via) for to, via in lines), upstream)


def vias(known, target, *, not_to=frozenset()):
    target = Target(target) if isinstance(target, str) else target
    return [way.via for way in known.ways(target, NOW_S, frozenset(not_to))]


def heard(source, via, *, ago_s=0.0, hops=1):
    return Learned(source, via, "bd1", hops, NOW_S - ago_s)


# Static


def test_the_longest_match_wins():
    """The station itself before a long prefix before a short one before default, in whatever order they are written."""
    lines = [("default", "d"), ("v*", "p1"), ("station:v17", "s"), ("v1*", "p2")]

    for order in (lines, lines[::-1]):
        assert vias(routes(*order), "v17") == ["s", "p2", "p1", "d"]


def test_equal_matches_follow_the_operators_order():
    """Two ways for the same stations: the first is tried first, the second when the first is no way."""
    known = routes(("v*", "r1"), ("v*", "r2"))

    assert vias(known, "v1") == ["r1", "r2"]
    assert vias(known, "v1", not_to={"r1"}) == ["r2"]


@pytest.mark.parametrize(
    ("grid", "via"),
    [
        ("513221104201", "village"),
        ("513221104999", "township"),
        ("513221200000", "county"),
        ("513300000000", "province"),
        ("440000", "up"),
    ],
)
def test_an_area_is_reached_by_its_longest_prefix_and_everything_else_by_the_superior(grid, via):
    """GB/T 2260: village, township, county, province by their digits; what is in none of them goes up."""
    known = routes(
        ("51*", "province"),
        ("513221*", "county"),
        ("513221104*", "township"),
        ("513221104201*", "village"),
        upstream="up",
    )

    assert vias(known, Target("somebody", (grid,)))[0] == via


def test_a_station_with_an_address_of_its_own_needs_no_prefix():
    """A neighbour is reached directly, unless a route names it; a prefix and default are for those beyond."""
    neighbour = Target("v1", has_address=True)

    assert vias(routes(("v*", "r1"), ("default", "r2")), neighbour) == ["v1", "r1", "r2"]
    assert vias(routes(("station:v1", "r1")), neighbour) == ["r1", "v1"]


def test_a_route_to_a_neighbour_itself_is_direct():
    """``to = "station:r1", via = "r1"`` needs no relay."""
    [way] = routes(("station:r1", "r1")).ways(Target("r1"), NOW_S)

    assert (way.via, way.is_direct, way.relays) == ("r1", True, 0)


# Learned


def test_static_beats_learned_and_learned_beats_the_superior():
    """What the operator wrote goes first, what was heard next, the gateway above last."""
    known = routes(("v*", "r1"), upstream="up").after_heard(heard("v1", "r2"))

    assert vias(known, "v1") == ["r1", "r2", "up"]


def test_fresh_beats_stale_and_fewer_relays_beat_more():
    """A shorter way that was not heard for half an hour is worse than a longer one that was heard just now."""
    known = routes()
    for one in (
        heard("v1", "stale", ago_s=FRESH_S, hops=1),
        heard("v1", "far", ago_s=60, hops=3),
        heard("v1", "near", ago_s=600, hops=1),
    ):
        known = known.after_heard(one)

    assert vias(known, "v1") == ["near", "far", "stale"]


def test_what_was_heard_too_long_ago_says_nothing():
    """At the edge of its expiry a way is gone."""
    assert vias(routes().after_heard(heard("v1", "r1", ago_s=EXPIRY_S - 1)), "v1") == ["r1"]
    assert vias(routes().after_heard(heard("v1", "r1", ago_s=EXPIRY_S)), "v1") == []
    assert not routes().after_heard(heard("v1", "r1", ago_s=EXPIRY_S)).without_old(NOW_S).learned


@pytest.mark.parametrize(("source", "via"), [("v1", "v1"), ("me", "r1"), ("v1", "me")])
def test_a_neighbour_heard_by_itself_and_we_ourselves_teach_nothing(source, via):
    """Only what came through another one is a way."""
    assert not routes().after_heard(heard(source, via)).learned


def test_the_table_of_what_was_heard_is_bounded():
    """At the cap whatever was heard longest ago makes room; the newcomer stays."""
    known = routes()
    for number in range(LEARNED_MAX):
        known = known.after_heard(heard(f"v{number}", "r1", ago_s=LEARNED_MAX - number))
    assert sum(map(len, known.learned.values())) == LEARNED_MAX

    known = known.after_heard(heard("newcomer", "r1"))

    assert sum(map(len, known.learned.values())) == LEARNED_MAX
    assert "newcomer" in known.learned
    assert "v0" not in known.learned


def test_the_neighbours_of_one_station_are_bounded():
    """A station heard by many neighbours has the latest of them."""
    known = routes()
    for number in range(LEARNED_PER_STATION_MAX + 1):
        known = known.after_heard(heard("v1", f"r{number}", ago_s=10 - number))

    assert len(known.learned["v1"]) == LEARNED_PER_STATION_MAX
    assert "r0" not in vias(known, "v1")


# Turns


def test_relays_take_turns_and_a_neighbour_is_not_sent_detours():
    """The second try goes by the next relay; the superior is asked only where nobody else is known."""
    known = routes(("v*", "r1"), ("v*", "r2"), upstream="hq").after_heard(heard("v1", "r3"))
    ways = known.ways(Target("v1"), NOW_S)
    direct = known.ways(Target("v1", has_address=True), NOW_S)
    unknown = known.ways(Target("w1"), NOW_S)

    assert [in_turn(ways, attempt).via for attempt in range(4)] == ["r1", "r2", "r3", "r1"]
    assert [in_turn(direct, attempt).via for attempt in range(3)] == ["v1"] * 3
    assert [in_turn(unknown, attempt).via for attempt in range(2)] == ["hq"] * 2
    assert in_turn((), 0) is None


# Properties


@given(
    st.lists(st.tuples(PATTERNS, NAMES), max_size=8),
    st.lists(st.tuples(NAMES, NAMES, st.floats(0, 2 * EXPIRY_S), st.integers(0, 7)), max_size=8),
    NAMES,
    st.sets(NAMES, max_size=3),
    st.booleans(),
)
def test_no_way_leads_back_or_to_ourselves_and_none_is_named_twice(lines, teachings, target, not_to, has_address):
    """Whatever was configured and heard: never to whom it came from, never here, each neighbour once."""
    known = routes(*lines, upstream="hq")
    for source, via, ago_s, hops in teachings:
        known = known.after_heard(heard(source, via, ago_s=ago_s, hops=hops))

    found = vias(known, Target(target, has_address=has_address), not_to=not_to)

    assert not not_to & set(found)
    assert "me" not in found
    assert len(found) == len(set(found))


@given(st.lists(st.tuples(NAMES, NAMES, st.floats(0, EXPIRY_S)), max_size=30))
def test_learning_changes_no_value_that_somebody_holds(teachings):
    """A table is a value: what is learned gives another one."""
    first = routes().after_heard(heard("v1", "r1"))
    before = {name: tuple(known) for name, known in first.learned.items()}

    known = first
    for source, via, ago_s in teachings:
        known = known.after_heard(heard(source, via, ago_s=ago_s))

    assert first.learned == before


# Words


@pytest.mark.parametrize("text", ["", "*v", "a b", "station:", "v*1", "grid:51", "京*", "x" * 65])
def test_a_pattern_that_means_nothing_is_refused(text):
    """The error says what to write."""
    with pytest.raises(RouteError, match="station:v7"):
        Pattern.parse(text)


@pytest.mark.parametrize("text", ["station:v7", "v*", "5132*", "default"])
def test_a_pattern_shows_as_it_was_written(text):
    """What status shows can be put into the configuration."""
    assert str(Pattern.parse(text)) == text


def test_a_route_over_ourselves_and_too_many_routes_are_refused():
    """Found when the configuration is read, not when a record circles."""
    with pytest.raises(RouteError, match="this gateway itself"):
        routes(("v*", "me"))
    with pytest.raises(RouteError, match=f"at most {STATIC_MAX}"):
        routes(*[("v*", "r1")] * (STATIC_MAX + 1))


def test_what_is_known_can_be_shown():
    """Static routes as configured, learned ones with their age, the latest first and as many as asked for."""
    known = routes(("v*", "r1"), upstream="hq").after_heard(heard("v2", "r2", ago_s=90)).after_heard(heard("v3", "r2"))

    assert known.to_json(NOW_S, 1) == {
        "static": [{"to": "v*", "via": "r1"}],
        "upstream": "hq",
        "learned": [{"to": "v3", "via": "r2", "link": "bd1", "relays": 1, "age_s": 0.0}],
        "learned_count": 2,
    }
