"""What the gateway talks about holds its own invariants, whatever it is made of."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.bus.topics import TopicError, Topics
from gateway.model import (
    BUS,
    CARD_MAX,
    CLOSED_STATES,
    LIFETIME_S_MAX,
    STATION_ENTRIES_MAX,
    TEXT_CHARS_MAX,
    BundleState,
    Direction,
    Draft,
    Endpoint,
    EndpointKind,
    Message,
    MessageKind,
    ModelError,
    Place,
    PlaceSource,
    Precedence,
    Station,
)

quick = settings(deadline=None, derandomize=True, max_examples=200)
any_text = st.text(st.characters(exclude_categories=[]), max_size=60)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)
places = st.builds(
    Place,
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 180),
    source=st.sampled_from(PlaceSource),
    height_m=st.none() | st.floats(-500, 9000),
    age_s=st.floats(0, 1e6),
)
messages = st.builds(
    Message,
    kind=st.sampled_from(MessageKind),
    text=any_text,
    place=st.none() | places,
    fields=st.dictionaries(any_text, json_values, max_size=4),
    data_hex=st.binary(max_size=40).map(bytes.hex),
)


def drafted(**changes):
    """Return a plain report."""
    plain = {
        "direction": Direction.UP,
        "source": Endpoint.card(1),
        "destination": BUS,
        "precedence": Precedence.ROUTINE,
        "message": Message(MessageKind.CHAT, text="x"),
        "lifetime_s": 60.0,
        "created_wall_s": 0.0,
        "clock_trusted": False,
    }
    return Draft(**(plain | changes))


# --- endpoints -------------------------------------------------------------------------------------------------


@quick
@given(st.sampled_from(EndpointKind), st.text(max_size=40) | st.from_regex(r"[0-9A-Za-z_.-]{1,33}", fullmatch=True))
def test_an_endpoint_that_exists_is_a_safe_topic_level(kind, name):
    """Whatever text an endpoint accepts, the bus accepts as a level too, so nothing stored can jam the publisher."""
    try:
        endpoint = Endpoint(kind, name)
    except ModelError:
        return

    assert Endpoint.parse(str(endpoint)) == endpoint
    if kind is not EndpointKind.BUS:
        Topics("yizhan", "5133", "cp1").down(endpoint)


@quick
@given(st.text(max_size=50) | st.builds("{}:{}".format, st.sampled_from(EndpointKind), st.text(max_size=9)))
def test_parsing_an_endpoint_raises_nothing_but_model_error(text):
    """A text that is no endpoint is refused in one declared way."""
    try:
        endpoint = Endpoint.parse(text)
    except ModelError:
        return

    assert str(endpoint).partition(":")[0] == text.partition(":")[0]


@pytest.mark.parametrize(("written", "meant"), [("0242286", "242286"), ("242286", "242286"), ("0", "0"), ("000", "0")])
def test_cards_are_one_however_many_zeros_a_terminal_writes(written, meant):
    """Terminals disagree about leading zeros; the endpoint does not."""
    assert Endpoint.card(written) == Endpoint.card(int(written)) == Endpoint(EndpointKind.CARD, meant)


@pytest.mark.parametrize("name", ["", "١٢٣", "²", "12a", "-5", "1 ", "1\n", "9" * 33])
def test_what_is_no_card_number_makes_no_card(name):
    """Digits of other scripts, signs and blanks are not card numbers."""
    with pytest.raises(ModelError):
        Endpoint.card(name)


@pytest.mark.parametrize("name", [".", "..", ".x", "a/b", "a+", "#", "中", "x" * 33, "a\n", ""])
def test_names_that_could_be_anything_else_are_refused(name):
    """A name that is a path, a wildcard or too long makes neither an endpoint nor a station."""
    with pytest.raises(ModelError):
        Endpoint(EndpointKind.STATION, name)
    with pytest.raises(ModelError):
        Station(id=name)
    with pytest.raises(ModelError):
        Station(id="x", groups=(name,))


# --- messages --------------------------------------------------------------------------------------------------


@quick
@given(messages)
def test_a_message_survives_being_stored(message):
    """Everything that was said comes back as it was, half characters of a damaged burst included."""
    assert Message.from_json(message.to_json()) == message


@quick
@given(messages)
def test_equal_messages_have_equal_stored_forms(message):
    """The stored form depends on what was said only, not on the order in which it was understood."""
    turned = Message(
        message.kind, message.text, message.place, dict(reversed(message.fields.items())), message.data_hex
    )

    assert turned.to_json() == message.to_json()


@quick
@given(st.binary(max_size=80) | st.just(b"[" * 20_000) | st.just(b'{"kind":"chat","text":5}'))
def test_a_damaged_body_is_a_model_error(body):
    """Bytes that were never a message raise the declared error and nothing else."""
    try:
        Message.from_json(body)
    except ModelError:
        return


def test_the_longest_text_is_carried_and_one_more_is_not():
    """TEXT_CHARS_MAX holds exactly."""
    assert len(Message(MessageKind.CHAT, text="字" * TEXT_CHARS_MAX).text) == TEXT_CHARS_MAX
    with pytest.raises(ModelError):
        Message(MessageKind.CHAT, text="字" * (TEXT_CHARS_MAX + 1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"lat": 90.01},
        {"lat": math.nan},
        {"lon": -180.5},
        {"lon": math.inf},
        {"height_m": math.nan},
        {"height_m": math.inf},
        {"age_s": -1.0},
        {"age_s": math.nan},
        {"age_s": math.inf},
    ],
)
def test_a_place_off_the_earth_cannot_be_held(wrong):
    """Degrees off the Earth and figures that are no numbers are refused, since a map or a table would show them."""
    with pytest.raises(ModelError):
        Place(**({"lat": 30.0, "lon": 103.0, "source": PlaceSource.TEXT} | wrong))


# --- drafts, stations, words -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lifetime_s", [0.0, -1.0, math.nan, math.inf, LIFETIME_S_MAX + 1])
def test_a_lifetime_is_bounded(lifetime_s):
    """No bundle lives for ever or not at all; the duplicate window must outlive it."""
    with pytest.raises(ModelError):
        drafted(lifetime_s=lifetime_s)


def test_the_longest_lifetime_is_allowed():
    """LIFETIME_S_MAX itself is within the bound."""
    assert drafted(lifetime_s=LIFETIME_S_MAX).lifetime_s == LIFETIME_S_MAX


@pytest.mark.parametrize(
    "wrong",
    [
        {"cards": (0,)},
        {"cards": (CARD_MAX + 1,)},
        {"name": "x" * 65},
        {"name": "a\x1bb"},
        {"addresses": (("beidou", "5"),)},
        {"addresses": (("HF", "B7A"),)},
        {"addresses": (("hf", ""),)},
        {"addresses": (("hf", "B 7A"),)},
        {"addresses": (("hf", "x" * 65),)},
    ],
)
def test_a_station_refuses_what_it_cannot_be(wrong):
    """Card 0, nine-digit cards, long names, names that repaint a terminal, and addresses of no bearer are refused."""
    with pytest.raises(ModelError):
        Station(**({"id": "team3"} | wrong))


@pytest.mark.parametrize("what", ["cards", "groups", "grids"])
def test_a_station_has_a_bounded_number_of_entries(what):
    """STATION_ENTRIES_MAX holds for cards, groups and grid cells alike."""
    entries = (
        tuple(range(1, STATION_ENTRIES_MAX + 1))
        if what == "cards"
        else tuple(f"g{n}" for n in range(STATION_ENTRIES_MAX))
    )
    more = (*entries, 9999) if what == "cards" else (*entries, "one-more")

    assert len(getattr(Station(id="team3", **{what: entries}), what)) == STATION_ENTRIES_MAX
    with pytest.raises(ModelError):
        Station(id="team3", **{what: more})


@quick
@given(st.text(max_size=12) | st.sampled_from([" flash", "Routine", "PRIORITY\n", "immediate"]))
def test_precedences_are_read_in_any_case_and_nothing_else(text):
    """Only the four words are precedences."""
    known = text.strip().upper() in Precedence.__members__
    if known:
        assert Precedence.parse(text).name == text.strip().upper()
        return

    with pytest.raises(ModelError, match="FLASH"):
        Precedence.parse(text)


def test_every_precedence_has_its_colour():
    """The colours of GB/T 37230, most urgent first."""
    assert [p.colour for p in sorted(Precedence)] == ["red", "orange", "yellow", "blue"]


def test_a_state_is_open_or_closed():
    """Closed states are exactly those from which a bundle never moves again."""
    assert (
        {state for state in BundleState if not state.is_open}
        == CLOSED_STATES
        == {"delivered", "answered", "expired", "shed"}
    )


def test_topics_and_endpoints_agree_on_names():
    """What topics refuse as a level, the model refuses as a name (a station named so could not be published)."""
    with pytest.raises(TopicError):
        Topics("yizhan", "5133", ".cp1")
    with pytest.raises(ModelError):
        Endpoint.parse("station:.cp1")
