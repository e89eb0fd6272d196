"""The picture: well-formed whatever the names are, told apart without colour, and the same for the same runs."""

import itertools
import math
from xml.etree.ElementTree import fromstring

import pytest

from gateway.messages.translate import use_language
from gateway.model import Precedence
from gateway.simulate import plot
from gateway.simulate.plot import STYLES, Strip, draw, share_word, time_word
from tests.simulation.madeup import POLICIES, comparison, fate, result

SVG = "{http://www.w3.org/2000/svg}"
UP, DOWN = (True,) * 120, (False,) * 120


def mixed(name="valley"):
    fates = [fate(0.5 * n + 1, precedence, n) for precedence in Precedence for n in range(20)] + [fate(math.inf)]
    made = comparison({policy: [result(fates, policy)] for policy in POLICIES})
    return made if name == "valley" else made.__class__(name, made.seeds, made.duration_s, made.summaries, made.first)


def texts(picture):
    return [one.text for one in fromstring(picture).iter(f"{SVG}text")]


@pytest.fixture(params=["en", "zh_CN"])
def _language(request):
    use_language(request.param)
    yield
    use_language(None)


@pytest.mark.usefixtures("_language")
def test_it_is_one_well_formed_picture_with_everything_inside():
    """Every text begins within the picture and no policy, precedence or link is left out, in both languages."""
    picture = draw(mixed(), [Strip("car bd1", UP + DOWN, (0, 3) * 120), Strip("car hf1", DOWN + UP, ())])

    root = fromstring(picture)
    width, height = float(root.get("width")), float(root.get("height"))
    assert all(0 <= float(one.get("x")) <= width for one in root.iter(f"{SVG}text"))
    assert all(0 < float(one.get("y")) <= height for one in root.iter(f"{SVG}text"))
    found = " ".join(texts(picture))
    assert all(word in found for word in ("car bd1", "car hf1", *map(plot.policy_word, POLICIES)))
    assert len(list(root.iter(f"{SVG}polyline"))) >= 4 * 4


def test_lines_differ_without_their_colours():
    """Each policy has a dash of its own."""
    assert len({style.dash for style in STYLES.values()}) == len(STYLES) == len(POLICIES)


def test_names_are_escaped():
    """A name with the signs of XML, or with one that XML does not know, is text."""
    picture = draw(mixed("<b>&\x00\x1b'\""), [Strip("</svg>", UP, (1,) * 120)])

    assert any(text.startswith("<b>&��'\"") for text in texts(picture))
    assert "</svg>" in texts(picture)


def test_the_same_runs_give_the_same_picture():
    """No date and nothing of this machine is in it."""
    assert draw(mixed(), []) == draw(mixed(), [])


def test_links_beyond_the_maximum_are_counted():
    """ROWS_MAX links are drawn; the number of the others is said."""
    rows = [Strip(f"gw{n} bd1", UP, ()) for n in range(plot.ROWS_MAX + 2)]

    found = texts(draw(mixed(), rows))

    assert sum(text.endswith("bd1") for text in found) == plot.ROWS_MAX
    assert "2 more links" in found


def test_labels_at_line_ends_do_not_lie_on_each_other():
    """Lines that end at the same share have their labels under each other."""
    found = [
        float(one.get("y"))
        for one in fromstring(draw(comparison(), [])).iter(f"{SVG}text")
        if one.text.endswith("100 %") and one.text != "100 %"
    ]

    assert len(found) == len(POLICIES)
    assert min(b - a for a, b in itertools.pairwise(found)) >= plot.LABEL_GAP


@pytest.mark.parametrize(("share", "word"), [(1.0, "100 %"), (0.99999, "99.99 %"), (0.5, "50 %"), (0.0, "0 %")])
def test_a_share_is_all_only_when_it_is_all(share, word):
    """99.999 % is not shown as 100 %."""
    assert share_word(share) == word


@pytest.mark.parametrize(
    ("seconds", "word"), [(0.1, "0.1 s"), (10, "10 s"), (60, "1 min"), (5400, "1.5 h"), (604_800, "7 d")]
)
def test_marks_are_in_the_unit_people_use(seconds, word):
    """Axis marks are 10 s, 1 min, 10 min, 1 h."""
    assert time_word(seconds) == word
