"""Ways to make the router's values: bundles, links and policies, by hand and by hypothesis."""

import math

from hypothesis import strategies as st

from gateway.link import LinkState, SendOutcome, SendResult
from gateway.model import (
    BUS,
    Bundle,
    BundleState,
    Direction,
    Draft,
    Endpoint,
    Message,
    MessageKind,
    Precedence,
)
from gateway.router.health import LinkHealth
from gateway.router.plan import LinkView
from gateway.router.policy import DEFAULT_PATIENCE, Patience, Policy

NOW_S = 100_000.0


def bundle(
    precedence=Precedence.ROUTINE, *, state=BundleState.QUEUED, lane="beidou", attempts=0, tried=(), due_s=NOW_S
):
    """Return an open order to a card."""
    draft = Draft(
        direction=Direction.DOWN,
        source=BUS,
        destination=Endpoint.card(242286),
        precedence=precedence,
        message=Message(MessageKind.COMMAND, text="撤离"),
        lifetime_s=86_400.0,
        created_wall_s=0.0,
        clock_trusted=True,
    )
    return Bundle(
        seq=7,
        id="cp1-AAAA-7",
        draft=draft,
        state=state,
        accepted_s=NOW_S - 10,
        expires_s=NOW_S + 86_390,
        due_s=due_s,
        lane=lane,
        attempts=attempts,
        tried=tuple(tried),
    )


def view(name, bearer="beidou", state=LinkState.OPEN, not_before_s=NOW_S, health=None):
    """Return a link as the router sees it."""
    return LinkView(name, bearer, state, not_before_s, health or LinkHealth())


NAMES = ["bd1", "bd2", "bd3", "hf1", "sat1"]
times = st.one_of(st.floats(NOW_S - 2000, NOW_S), st.just(-math.inf))
healths = st.builds(
    LinkHealth,
    unanswered_since_s=st.one_of(st.floats(NOW_S - 2000, NOW_S), st.just(math.inf)),
    failed_s=times,
    heard_s=times,
)
views = st.lists(
    st.builds(
        LinkView,
        name=st.sampled_from(NAMES),
        bearer=st.sampled_from(["beidou", "beidou", "hf"]),
        state=st.sampled_from([*LinkState, LinkState.OPEN, LinkState.OPEN, LinkState.OPEN]),
        not_before_s=st.floats(NOW_S - 100, NOW_S + 4000),
        health=healths,
    ),
    max_size=5,
    unique_by=lambda link: link.name,
)
bundles = st.builds(
    bundle,
    st.sampled_from(Precedence),
    state=st.sampled_from(
        [BundleState.QUEUED, BundleState.HANDED, BundleState.SENT, BundleState.RELAYED, BundleState.REFUSED]
    ),
    lane=st.sampled_from(["beidou", "hf", "beidou+hf", "satcom"]),
    attempts=st.integers(0, 40),
    tried=st.lists(st.sampled_from(NAMES), max_size=4, unique=True),
)
patience = st.builds(
    Patience,
    unacknowledged_s=st.one_of(st.floats(1, 1e5), st.just(math.inf)),
    tries_max=st.integers(1, 20),
)
policies = st.builds(
    Policy,
    order=st.dictionaries(
        st.sampled_from(Precedence), st.lists(st.sampled_from(NAMES), max_size=5, unique=True).map(tuple)
    ),
    patience=st.fixed_dictionaries({p: st.one_of(st.just(DEFAULT_PATIENCE[p]), patience) for p in Precedence}),
    hold_down_s=st.floats(0, 1000),
)
results = st.builds(
    SendResult,
    st.sampled_from(SendOutcome),
    st.just("detail"),
    st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.floats(NOW_S - 100, NOW_S + 7200),
)
