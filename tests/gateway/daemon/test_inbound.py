"""What a link heard becomes one report: understood, never invented, never a command, answered where an answer is owed."""

import asyncio
import contextlib
import re
import shutil
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.link import PAYLOAD_BYTES_MAX, Addressed, Fix, Heard, Payload, SendOutcome
from gateway.model import TEXT_CHARS_MAX, BundleState, MessageKind, PlaceSource, Precedence
from gateway.simulate.loop import run_virtual
from gateway.store.commit import _guarded
from tests.gateway.daemon.rig import CARD, Rig, running
from tests.gateway.daemon.scripted_link import heard

SOS = "求救，3人被困，2人受伤，30.123,103.456"


# --- one report, understood ------------------------------------------------------------------------------------


async def test_a_call_for_help_is_stored_understood_and_owed_a_receipt(tmp_path):
    """Given an SOS text, then it is a FLASH report with its place and people, its raw text kept, its author owed a receipt."""
    async with running(tmp_path) as rig:
        rig.devices["bd1"].change(lit=False)
        await rig.settle()
        await rig.hear(heard(SOS))

        (report,) = await rig.reports()
        assert report.precedence is Precedence.FLASH
        assert report.draft.message.text == SOS
        assert report.draft.message.kind is MessageKind.SOS
        assert report.draft.message.fields["people"] == 3
        place = report.draft.message.place
        assert (place.lat, place.lon, place.source) == (30.123, 103.456, PlaceSource.TEXT)
        assert await rig.owed() == {CARD: [report.seq]}


async def test_who_is_heard_on_another_bearer_is_known_by_the_address_there(tmp_path):
    """Given a text from a registered call sign on HF, then it is that station's report and its receipt goes there."""
    async with running(tmp_path, links=("hf1",), bearers={"hf1": "hf"}) as rig:
        await rig.ask(op="station_add", id="v7", addresses=["hf:B7A"])
        rig.devices["hf1"].change(lit=False)
        await rig.settle()
        await rig.hear(heard(SOS, peer="B7A"), link="hf1")
        await rig.hear(heard(SOS + "！", peer="5"), link="hf1")

        known, stranger = await rig.reports()
        assert str(known.draft.source) == "station:v7"
        assert str(stranger.draft.source) == "card:0", "5 is no card here"
        assert await rig.owed("hf1") == {"B7A": [known.seq]}


async def test_coordinates_in_the_text_win_over_the_terminals(tmp_path):
    """A person who writes where the trouble is means that place, not where the terminal stands."""
    async with running(tmp_path) as rig:
        await rig.hear(heard(SOS, fix=Fix(31.0, 104.0)))

        assert (await rig.reports())[0].draft.message.place.source is PlaceSource.TEXT


async def test_the_terminals_position_is_used_and_marked(tmp_path):
    """Given no coordinates in the text, then the position that came with it is used, as what it is."""
    async with running(tmp_path) as rig:
        await rig.hear(heard("求救，3人被困", fix=Fix(31.0, 104.0, 820.0)))

        place = (await rig.reports())[0].draft.message.place
        assert (place.lat, place.lon, place.height_m, place.source) == (31.0, 104.0, 820.0, PlaceSource.TERMINAL)


async def test_the_last_known_position_is_marked_with_its_age(tmp_path):
    """Given a position half an hour ago, then an SOS without one carries it as last known, 1800 s old."""
    async with running(tmp_path) as rig:
        await rig.hear(heard("", fix=Fix(31.0, 104.0)))
        await asyncio.sleep(1800)
        await rig.hear(heard("求救，3人被困"))

        position, sos = await rig.reports()
        assert position.draft.message.kind is MessageKind.POSITION
        place = sos.draft.message.place
        assert (place.lat, place.lon, place.source) == (31.0, 104.0, PlaceSource.LAST_KNOWN)
        assert place.age_s == pytest.approx(1800, abs=1)


async def test_a_last_known_position_is_not_passed_on_as_a_new_one(tmp_path):
    """Its age goes on growing over several reports that only repeat it."""
    async with running(tmp_path) as rig:
        await rig.hear(heard("", fix=Fix(31.0, 104.0)))
        for text in ("求救，3人被困", "求救，4人被困"):
            await asyncio.sleep(1000)
            await rig.hear(heard(text))

        ages = [report.draft.message.place.age_s for report in (await rig.reports())[1:]]
        assert ages == pytest.approx([1000, 2000], abs=1)


async def test_an_old_position_is_not_used(tmp_path):
    """Beyond last_known_max_age_s no place is better than a wrong one."""
    async with running(tmp_path, handsets={"last_known_max_age_s": 600}) as rig:
        await rig.hear(heard("", fix=Fix(31.0, 104.0)))
        await asyncio.sleep(601)
        await rig.hear(heard("求救，3人被困"))

        assert (await rig.reports())[1].draft.message.place is None


async def test_another_cards_position_is_never_used(tmp_path):
    """A last-known position belongs to its card."""
    async with running(tmp_path) as rig:
        await rig.hear(heard("", peer="179774", fix=Fix(31.0, 104.0)))
        await rig.hear(heard("求救，3人被困"))

        assert (await rig.reports())[1].draft.message.place is None


async def test_chat_gets_no_place_it_did_not_give(tmp_path):
    """Only what a map shows is given a last-known position."""
    async with running(tmp_path) as rig:
        await rig.hear(heard("", fix=Fix(31.0, 104.0)))
        await rig.hear(heard("今晚吃什么"))

        assert (await rig.reports())[1].draft.message.place is None


async def test_bytes_are_carried_unread(tmp_path):
    """A machine payload is an opaque report with its bytes."""
    async with running(tmp_path) as rig:
        await rig.hear(Heard(CARD, Payload.of_bytes(b"\x01\xa4\x00")))

        (report,) = await rig.reports()
        assert (report.draft.message.kind, report.draft.message.data_hex) == (MessageKind.OPAQUE, "01a400")


async def test_an_emergency_class_of_the_bearer_raises_a_chat(tmp_path):
    """What the bearer marked urgent is at least IMMEDIATE, and never lowers an SOS."""
    async with running(tmp_path) as rig:
        await rig.hear(heard("今晚吃什么", urgent=True))
        await rig.hear(heard(SOS, urgent=True))

        assert [report.precedence for report in await rig.reports()] == [Precedence.IMMEDIATE, Precedence.FLASH]


# --- heard is not addressed ------------------------------------------------------------------------------------


@pytest.mark.parametrize("addressed", [Addressed.OVERHEARD, Addressed.BROADCAST])
async def test_what_was_not_for_us_is_reported_marked_and_not_answered(tmp_path, addressed):
    """The centre sees what was overheard, as that; nobody gets a receipt for what they did not send us."""
    async with running(tmp_path) as rig:
        await rig.hear(heard(SOS, addressed=addressed, to_peer="555"))
        await rig.settle(120)

        (report,) = await rig.reports()
        assert report.draft.message.fields["addressed"] == str(addressed)
        assert report.draft.message.fields["to"] == "555"
        assert rig.devices["bd1"].aired == []


@pytest.mark.parametrize("payload", [Payload.of_text(""), Payload.of_bytes(b"\x01")])
async def test_positions_and_bytes_that_were_not_for_us_are_marked_too(tmp_path, payload):
    """Whatever its kind, a report says when it was between others."""
    async with running(tmp_path) as rig:
        await rig.hear(Heard(CARD, payload, Addressed.OVERHEARD, "555", fix=Fix(31.0, 104.0)))

        assert (await rig.reports())[0].draft.message.fields["addressed"] == "overheard"


async def test_overheard_text_never_answers_an_order(tmp_path):
    """A text between others closes nothing, whatever number it quotes."""
    async with running(tmp_path) as rig:
        order = await rig.send()
        await rig.settle()
        await rig.hear(heard(f"收到{order['number']}", addressed=Addressed.OVERHEARD, to_peer="555"))
        await rig.hear(heard("收到", addressed=Addressed.BROADCAST))

        assert (await rig.found(order["id"])).state is BundleState.SENT


async def test_a_report_first_overheard_and_then_received_is_one_and_is_answered(tmp_path):
    """Given a copy heard between others before our own, then there is one report, and its author gets the receipt."""
    async with running(tmp_path, links=("bd1", "bd2")) as rig:
        await rig.hear(heard(SOS, addressed=Addressed.OVERHEARD, to_peer="777"), "bd1")
        await rig.hear(heard(SOS), "bd2")
        await rig.settle()

        (report,) = await rig.reports()
        assert f"编号{report.seq}" in rig.devices["bd2"].texts[0]


async def test_an_answer_first_overheard_and_then_received_closes_the_order(tmp_path):
    """The copy that was for us counts, although it is a repeat of one that was not."""
    async with running(tmp_path) as rig:
        order = await rig.send()
        await rig.settle()
        await rig.hear(heard(f"收到{order['number']}", addressed=Addressed.OVERHEARD, to_peer="777"))
        await rig.hear(heard(f"收到{order['number']}"))

        assert (await rig.found(order["id"])).state is BundleState.ANSWERED


async def test_copies_of_our_own_bursts_are_nobodys_report(tmp_path):
    """A command terminal also hears what our own cards send."""
    async with running(tmp_path, links=("bd1", "bd2")) as rig:
        await rig.hear(heard("令5:撤离", peer="2", addressed=Addressed.OVERHEARD, to_peer=CARD))

        assert await rig.reports() == []


async def test_a_link_without_a_card_makes_nobody_ours(tmp_path):
    """While a terminal is still opening its card is unknown; reports without a legible sender are kept all the same."""
    async with running(tmp_path) as rig:
        rig.devices["bd1"].change(plugged=False)
        await rig.settle()
        await rig.hear(heard(SOS, peer=""))

        assert len(await rig.reports()) == 1


# --- duplicates ------------------------------------------------------------------------------------------------


async def test_the_same_text_from_the_same_card_within_ten_minutes_is_one_report(tmp_path):
    """Another link, another minute, a restart, leading zeros: still one report; afterwards it is a new one."""
    async with running(tmp_path, links=("bd1", "bd2")) as rig:
        await rig.hear(heard(SOS), "bd1")
        await rig.hear(heard(SOS), "bd2")
        await rig.hear(heard(SOS, peer=f"0{CARD}"), "bd2")
        await asyncio.sleep(300)
        await rig.crash()
        await rig.start()
        await rig.hear(heard(SOS), "bd1")
        assert len(await rig.reports()) == 1

        await asyncio.sleep(301)
        await rig.hear(heard(SOS), "bd1")

        assert len(await rig.reports()) == 2


async def test_another_card_or_another_text_is_another_report(tmp_path):
    """Only card and content make two arrivals one."""
    async with running(tmp_path) as rig:
        await rig.hear(heard(SOS))
        await rig.hear(heard(SOS, peer="179774"))
        await rig.hear(heard(SOS + "。"))

        assert len(await rig.reports()) == 3


async def test_moving_positions_are_reports_of_their_own(tmp_path):
    """Two position reports differ by where; the same place again within the window is one."""
    async with running(tmp_path) as rig:
        for lat in (31.0, 31.1, 31.1):
            await rig.hear(heard("", fix=Fix(lat, 104.0)))

        assert len(await rig.reports()) == 2


async def test_without_the_window_the_same_text_would_be_two_reports(tmp_path, monkeypatch):
    """The planted defect 'duplicate window off' is one that the test above sees."""
    monkeypatch.setattr("gateway.store.accepting.Accepting._known", lambda *_: None)
    async with running(tmp_path) as rig:
        await rig.hear(heard(SOS))
        await rig.hear(heard(SOS))

        assert len(await rig.reports()) == 2


# --- answers ---------------------------------------------------------------------------------------------------


async def test_a_quoted_number_closes_exactly_that_order(tmp_path):
    """Given two orders to one card, then 收到 with a number answers that one and leaves the other open."""
    async with running(tmp_path) as rig:
        first, second = await rig.send("撤离"), await rig.send("到三号点集合")
        await rig.settle()
        await rig.hear(heard(f"收到{second['number']}"))

        assert (await rig.found(first["id"])).state is BundleState.SENT
        answered = await rig.found(second["id"])
        assert answered.state is BundleState.ANSWERED
        assert f"card:{CARD}" in answered.reason
        assert (await rig.reports())[0].draft.reply_to == second["id"]


async def test_an_answer_without_a_number_closes_the_only_order_and_never_guesses(tmp_path):
    """One open order is meant; of two nobody knows which."""
    async with running(tmp_path) as rig:
        only = await rig.send("撤离")
        await rig.settle()
        await rig.hear(heard("收到"))
        assert (await rig.found(only["id"])).state is BundleState.ANSWERED

        more = [await rig.send(text) for text in ("撤离到二号点", "到三号点集合")]
        await rig.settle(700)
        await rig.hear(heard("收到"))

        assert {(await rig.found(order["id"])).state for order in more} == {BundleState.SENT}


@pytest.mark.parametrize("text", ["收到{number}", "收到"])
async def test_an_answer_from_another_card_changes_nothing(tmp_path, text):
    """Only the person it was for can answer an order."""
    async with running(tmp_path) as rig:
        order = await rig.send()
        await rig.settle()
        await rig.hear(heard(text.format(number=order["number"]), peer="179774"))

        assert (await rig.found(order["id"])).state is BundleState.SENT


async def test_any_card_of_the_station_answers_its_order(tmp_path):
    """A team with two terminals answers with either."""
    async with running(tmp_path) as rig:
        await rig.station("team3", int(CARD), 179774)
        order = await rig.send(to="station:team3")
        await rig.settle()
        await rig.hear(heard(f"收到{order['number']}", peer="179774"))

        assert (await rig.found(order["id"])).state is BundleState.ANSWERED


async def test_a_number_that_is_no_order_of_theirs_answers_nothing(tmp_path):
    """Their own report's number and a number nobody gave out close nothing and raise nothing."""
    async with running(tmp_path) as rig:
        await rig.hear(heard(SOS))
        for number in (1, 999, 10**19, int("9" * 40), 0):
            await rig.hear(heard(f"收到{number}"))
        await rig.settle()

        states = {report.state for report in await rig.reports()}
        assert states == {BundleState.QUEUED}


@pytest.mark.parametrize("text", ["收到{number}", "收到"])
async def test_an_order_that_never_left_cannot_be_answered(tmp_path, text):
    """Given an order still queued, then whoever says 收到 means something else."""
    async with running(tmp_path) as rig:
        rig.devices["bd1"].change(lit=False)
        await rig.settle()
        order = await rig.send()
        await rig.hear(heard(text.format(number=order["number"])))

        assert (await rig.found(order["id"])).state is BundleState.QUEUED


async def test_the_same_short_answer_to_the_next_order_counts(tmp_path):
    """Given 收到 to one order, then 收到 to the next one within ten minutes is a new answer, not a repeat of the first."""
    async with running(tmp_path) as rig:
        first = await rig.send("撤离")
        await rig.settle()
        await rig.hear(heard("收到"))
        await asyncio.sleep(60)
        second = await rig.send("到三号点集合")
        await asyncio.sleep(120)
        await rig.hear(heard("收到"))

        assert (await rig.found(first["id"])).state is BundleState.ANSWERED
        assert (await rig.found(second["id"])).state is BundleState.ANSWERED
        assert [report.draft.reply_to for report in await rig.reports()] == [first["id"], second["id"]]


async def test_a_late_copy_of_an_answer_does_not_answer_the_next_order(tmp_path):
    """Given 收到 heard again a few seconds later by another link, when the next order has just left, then that one stays open."""
    async with running(tmp_path, links=("bd1", "bd2")) as rig:
        first = await rig.send("撤离")
        await rig.settle()
        await rig.hear(heard("收到"))
        second = await rig.send("到三号点集合")
        await rig.settle(10)
        await rig.hear(heard("收到"), "bd2")

        assert (await rig.found(first["id"])).state is BundleState.ANSWERED
        assert (await rig.found(second["id"])).state is BundleState.SENT
        assert len(await rig.reports()) == 1


async def test_an_answer_gets_no_receipt(tmp_path):
    """Answers are not answered, or two stations would thank each other for ever."""
    async with running(tmp_path) as rig:
        await rig.hear(heard("收到"))

        assert await rig.owed() == {}


async def test_text_from_the_air_never_commands(tmp_path):
    """What looks like an order of ours is only a report."""
    async with running(tmp_path) as rig:
        await rig.hear(heard("令12:撤离"))
        await rig.settle()

        assert await rig.orders() == []


# --- receipts --------------------------------------------------------------------------------------------------


async def test_receipts_to_one_card_are_gathered_and_at_most_one_a_minute(tmp_path):
    """Given six reports of one card within a minute, then two receipts cover them, a minute apart."""
    async with running(tmp_path) as rig:
        await rig.hear(heard("平安，在漩口小学，第0次报告"))
        await rig.settle()
        for n in range(1, 6):
            await rig.hear(heard(f"平安，在漩口小学，第{n}次报告"))
            await asyncio.sleep(5)
        await rig.settle(120)

        sent = rig.devices["bd1"].aired
        assert len(sent) == 2
        assert sent[1][0] - sent[0][0] >= 60
        assert all(f"{n}" in sent[1][1].payload.text for n in range(2, 7))


async def test_receipts_can_be_switched_off(tmp_path):
    """A radio-silent post answers nobody."""
    async with running(tmp_path, gateway={"id": "cp1", "region": "5133", "receipts": False}) as rig:
        await rig.hear(heard(SOS))
        await rig.settle(120)

        assert rig.devices["bd1"].aired == []


async def test_a_refused_receipt_is_not_tried_for_a_day(tmp_path):
    """Given a device that refuses the receipt, then it is settled and counted instead of asked every 15 s."""
    async with running(tmp_path) as rig:
        rig.devices["bd1"].script.extend([SendOutcome.REFUSED] * 50)
        await rig.hear(heard(SOS))
        await rig.settle(3600)

        assert len(rig.devices["bd1"].script) >= 48
        assert await rig.owed() == {}


async def told_before_disk(tmp_path):
    """Let reports come in and their receipts go out; return the numbers told that were not on disk at that moment."""
    async with running(tmp_path) as rig:
        early, link, copies = [], rig.runner.link, tmp_path / "copies"
        copies.mkdir()
        send = link.send

        async def looking(outgoing):
            for file in tmp_path.glob("outbox.db*"):  # what would be left if the power went now
                shutil.copy(file, copies)
            with contextlib.closing(sqlite3.connect(copies / "outbox.db")) as elsewhere:
                on_disk = {seq for (seq,) in elsewhere.execute("SELECT seq FROM bundle").fetchall()}
            told = {int(number) for number in re.findall(r"[0-9]+", outgoing.payload.text)}
            early.extend(told - on_disk)
            return await send(outgoing)

        link.send = looking
        for n in range(3):
            await rig.hear(heard(SOS, peer=str(1000 + n)))
        await rig.settle(5)
        assert len(rig.devices["bd1"].aired) == 3
        return early


async def test_a_receipt_names_only_what_is_on_disk(tmp_path):
    """Acknowledged means on disk: whoever looks into the file when the receipt leaves finds the report."""
    assert await told_before_disk(tmp_path) == []


async def test_a_receipt_before_the_commit_would_be_seen(tmp_path, monkeypatch):
    """The planted defect 'receipt before commit' is one that the test above sees."""

    def lazy(connection, outbox, _mark, functions):
        if not connection.in_transaction:
            connection.execute("BEGIN IMMEDIATE")
        return [_guarded(connection, outbox, function) for function in functions]

    monkeypatch.setattr("gateway.store.facade.commit", lazy)

    assert await told_before_disk(tmp_path)


# --- anything may come from the air ----------------------------------------------------------------------------


ODD_PEERS = ["", "0", "broadcast", "N0CALL", "２４２", "9" * 40, "-1", "\ud800", "a b", "\x1b[2J"]


@pytest.mark.parametrize("peer", ODD_PEERS)
async def test_a_sender_that_is_no_card_loses_no_sos(tmp_path, peer):
    """Given a damaged or foreign sender address, then the report is kept with what was found, and nobody is answered."""
    async with running(tmp_path) as rig:
        await rig.hear(heard(SOS, peer=peer))
        await rig.settle(120)

        (report,) = await rig.reports()
        assert report.precedence is Precedence.FLASH
        assert str(report.draft.source) == "card:0"
        assert rig.devices["bd1"].aired == []
        if peer != "0":
            assert "sender" in report.draft.message.fields["note"]


async def test_two_illegible_senders_are_two_reports(tmp_path):
    """Who sent it is part of what makes a report one, also when it cannot be read."""
    async with running(tmp_path) as rig:
        await rig.hear(heard(SOS, peer="N0CALL"))
        await rig.hear(heard(SOS, peer="BH8XYZ"))

        assert len(await rig.reports()) == 2


@pytest.mark.parametrize(
    "fix", [Fix(91.0, 103.0), Fix(float("nan"), 0.0), Fix(30.0, 181.0), Fix(30.0, 103.0, float("nan"))]
)
async def test_a_terminals_impossible_position_loses_no_report(tmp_path, fix):
    """A position off the Earth is left out and noted; the report stays."""
    async with running(tmp_path) as rig:
        await rig.hear(heard("求救，3人被困", fix=fix))
        await rig.hear(heard("", fix=fix))
        await rig.hear(Heard(CARD, Payload.of_bytes(b"\x01"), fix=fix))

        for report in await rig.reports():
            assert report.draft.message.place is None
            assert "position" in report.draft.message.fields["note"]
        assert len(await rig.reports()) == 3


async def test_a_text_longer_than_any_report_is_kept_as_far_as_it_goes(tmp_path):
    """Given more characters than a message may have, then the beginning is kept and the note says so."""
    async with running(tmp_path) as rig:
        await rig.hear(heard(SOS + "x" * PAYLOAD_BYTES_MAX))

        (report,) = await rig.reports()
        assert report.precedence is Precedence.FLASH
        assert len(report.draft.message.text) == TEXT_CHARS_MAX
        assert "characters" in report.draft.message.fields["note"]


any_text = st.text(st.characters(exclude_categories=[]), max_size=80)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    st.lists(
        st.builds(
            Heard,
            peer=st.sampled_from([CARD, *ODD_PEERS]) | any_text,
            payload=any_text.map(Payload.of_text)
            | st.sampled_from(["收到1", "收到99999999999999999999", "求救 N91 E181", "收到"]).map(Payload.of_text)
            | st.binary(max_size=40).map(Payload.of_bytes),
            addressed=st.sampled_from(Addressed),
            to_peer=any_text,
            fix=st.none() | st.builds(Fix, st.floats(), st.floats(), st.none() | st.floats()),
            urgent=st.booleans(),
            sent_at=any_text,
            note=any_text,
        ),
        max_size=4,
    )
)
def test_nothing_that_is_heard_ends_the_gateway(tmp_path_factory, many):
    """Whatever a link hands over, it is stored or recognised, the gateway lives on, and the bus can publish it."""

    async def live():
        rig = Rig(tmp_path_factory.mktemp("air"), bus={})
        await rig.start()
        await rig.send()
        for one in many:
            await rig.hear(one)
        await rig.settle(5)
        assert rig.store.balance.balanced
        await rig.stop()

    run_virtual(live())
