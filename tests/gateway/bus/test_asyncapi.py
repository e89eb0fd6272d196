"""The documents of docs/bus are what the models say, and agree with the topics."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.bus.payloads import Report, parse_command, parse_receipt
from gateway.bus.topics import Topics
from gateway.model import Endpoint, MessageKind

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = json.loads((ROOT / "docs/bus/asyncapi.json").read_text(encoding="utf-8"))


def test_the_committed_files_are_up_to_date():
    """scripts/asyncapi --check finds nothing to write."""
    done = subprocess.run(
        [sys.executable, "scripts/asyncapi", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_every_reference_leads_somewhere():
    """Each $ref of the document points to a part of it."""

    def references(value):
        if isinstance(value, dict):
            yield from ([value["$ref"]] if "$ref" in value else [])
            value = list(value.values())
        if isinstance(value, list):
            for member in value:
                yield from references(member)

    found = list(references(DOCUMENT))
    assert found
    for reference in found:
        place = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


@pytest.mark.parametrize(
    ("channel", "topic"),
    [
        ("state", lambda topics: topics.state),
        ("linkState", lambda topics: topics.link_state("bd1")),
        ("up", lambda topics: topics.up(MessageKind.SOS)),
        ("backlog", lambda topics: topics.backlog(MessageKind.SOS)),
        ("down", lambda topics: topics.down(Endpoint.card(242286))),
        ("receipt", lambda topics: topics.receipt("cq1-K7QX-7")),
        ("refusal", lambda topics: topics.refusal),
    ],
)
def test_the_addresses_are_the_topics(channel, topic):
    """Each address, filled in, is the topic that the gateway uses."""
    filled = DOCUMENT["channels"][channel]["address"].format(
        root="y", region="r", gateway="g", link="bd1", kind="sos", endpoint="card:242286", bundle="cq1-K7QX-7"
    )

    assert filled == topic(Topics("y", "r", "g"))


def test_every_channel_is_shown():
    """The table above has all channels."""
    assert set(DOCUMENT["channels"]) == {"state", "linkState", "up", "backlog", "down", "receipt", "refusal"}


def test_the_examples_of_the_readme_are_valid():
    """What docs/bus/README.md shows is what the models take."""
    blocks = (ROOT / "docs/bus/README.md").read_text(encoding="utf-8").split("```")[1::2]
    report, (order, receipt) = blocks[0], blocks[1].removeprefix("json\n").strip().splitlines()

    assert Report.model_validate_json(report.removeprefix("json\n")).data.properties.kind == "sos"
    assert parse_command(order.encode()).reply_to == "cq1-K7QX-7"
    assert parse_receipt(receipt.encode()).by == "map1"
