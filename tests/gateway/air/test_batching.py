"""Which bundles share a record: the first always, then each that still fits, as far as is looked."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.air.batching import LOOKED_MAX, MEMBERS_MAX, MISSES_MAX, fill
from protocols.content.errors import ContentError

SIZES = st.lists(st.integers(1, 40), max_size=2 * LOOKED_MAX)


def chosen(lead, others, room):
    """Fill a record of so much room with things that are their own size and place."""
    numbered = list(enumerate(others, start=1))
    return fill((0, lead), numbered, lambda batch: sum(size for _, size in batch) <= room)


@given(lead=st.integers(1, 40), others=SIZES, room=st.integers(1, 100))
def test_what_is_chosen_fits_and_nothing_that_fits_is_left(lead, others, room):
    """The one whose turn it is leads; the rest keep their order; the record is as full as these can make it."""
    batch = chosen(lead, others, room)

    assert batch[0] == (0, lead)
    assert batch[1:] == sorted(batch[1:])
    assert len(batch) <= MEMBERS_MAX
    filled = sum(size for _, size in batch)
    assert len(batch) == 1 or filled <= room
    passed = [one for one in enumerate(others[:LOOKED_MAX], start=1) if one not in batch]
    if len(batch) < MEMBERS_MAX:
        assert all(filled + size > room for _, size in passed[:MISSES_MAX])


@given(others=SIZES)
def test_the_look_is_bounded(others):
    """Each look encodes the whole record, so a long queue must not cost more than a short one."""
    looks = []

    def fits(batch):
        looks.append(batch)
        return False

    assert fill(0, others, fits) == [0]
    assert len(looks) == min(len(others), MISSES_MAX)


def test_what_cannot_be_said_keeps_nobody_from_leaving():
    """A bundle that no content holds is told when its own turn comes."""

    def fits(batch):
        if "bad" in batch:
            raise ContentError("message: a value cannot be written as JSON")
        return True

    assert fill("lead", ["one", "bad", "two"], fits) == ["lead", "one", "two"]
