"""Routes and whose records are relayed, from the configuration: read as written, refused with the place of the fault."""

from pathlib import Path

import pytest

from gateway.config.loader import ConfigError, check
from gateway.daemon.drivers import find_driver
from gateway.router.routes import STATIC_MAX


def settings(**tables):
    return check(Path("x"), {"gateway": {"id": "v1", "region": "5132"}, **tables}, find_driver).settings


def faults(**tables):
    with pytest.raises(ConfigError) as caught:
        settings(**tables)
    return {fault.where: fault.what for fault in caught.value.faults}


def test_routes_are_read_in_the_operators_order():
    """Each line as it is written; the order among equals is the operator's."""
    lines = [{"to": "station:hq", "via": "r1"}, {"to": "5132*", "via": "r2"}, {"to": "default", "via": "r1"}]

    read = settings(router={"route": lines}).router.routes()

    assert [{"to": str(route.to), "via": route.via} for route in read] == lines


def test_nobody_is_relayed_unless_it_stands_there():
    """Default deny."""
    assert settings(air={}).air.relayed() == ()
    assert [str(one) for one in settings(air={"relay": ["v*", "hub"]}).air.relayed()] == ["v*", "station:hub"]


def test_what_means_nothing_is_a_fault_with_its_place():
    """A technician finds the line, what was found there and what to write."""
    told = faults(router={"route": [{"to": "v7", "via": "r1"}, {"to": "grid:51", "via": "r1"}]})
    assert "grid:51" in told["router.route.1.to"]
    assert "station:v7" in told["router.route.1.to"]
    assert "air.relay.0" in faults(air={"relay": ["*v"]})
    assert "router.route.0.via" in faults(router={"route": [{"to": "v7"}]})
    assert "router.route" in faults(router={"route": [{"to": "v7", "via": "r1"}] * (STATIC_MAX + 1)})
