"""The figures that fragmentation is built for, by the program of bench/fragment.py: seeded, in virtual time."""

import pytest

from bench.fragment import beidou, hf, one_way, striped, two_way

SEED = 1


def test_a_kilobyte_at_30_percent_loss():
    """Over Beidou, a frame a minute and reports as unreliable: 23 minutes in half, 30 in 95 % of cases, 1.3 of the bound."""
    found = two_way(SEED, 1000, 1000, 0.30)

    assert found["delivered"] == 1.0
    assert found["median_min"] <= 23
    assert found["p95_min"] <= 30
    assert found["air_of_bound"] <= 1.3


def test_a_kilobyte_over_two_bearers():
    """Beidou and HF share the symbols of one transfer: 8 minutes in 95 % of cases."""
    found = striped(SEED, 1000, 1000, (beidou(0.15), hf(0.30)))

    assert found["delivered"] == 1.0
    assert found["p95_min"] <= 8


@pytest.mark.parametrize("loss", [0.05, 0.15, 0.30, 0.50])
def test_one_way_arrives_as_planned(loss):
    """100 bytes that nobody confirms: 99 % of them arrive within the symbols planned."""
    found = one_way(SEED, 4000, 100, loss)

    assert found["delivered"] >= 0.99
