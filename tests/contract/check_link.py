"""The conformance kit for links: every driver, ours or a stranger's, passes these checks.

A driver's test writes one :class:`Rig` (its device, the far side and the faults) and runs the kit::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_link(check):
        await check(MyRig)

or ``await check_link(MyRig)`` for all at once. Every check makes a fresh rig, runs on virtual time and fails with an
AssertionError that says what the contract (gateway/link.py) asks. tests/contract/test_check_link.py plants a defect for
each check and sees it caught.
"""

from tests.contract.checks_receiving import (
    broadcast_is_told_apart,
    carries_chinese_both_ways,
    constructor_opens_nothing,
    garbage_loses_no_good_frame,
    hears_a_burst_whole,
    hears_each_once_in_order,
    no_signal_is_busy,
    reports_opening_then_open,
    slow_sink_loses_nothing,
)
from tests.contract.checks_recovery import (
    cancelled_run_leaves_nothing,
    hang_is_noticed,
    hang_is_recovered,
    hang_while_sending_is_unknown,
    missing_device_is_a_link_error,
    run_ending_ends_a_send,
    unplug_is_link_lost,
    unplug_while_sending_is_unknown,
)
from tests.contract.checks_sending import (
    cancelled_send_leaves_the_device_usable,
    data_capacity_is_exact,
    defers_before_the_slot,
    defers_while_closed,
    refuses_what_is_no_address,
    sends_and_says_so,
    slot_survives_restart,
    text_capacity_is_exact,
)
from tests.contract.link_session import Rig

__all__ = ["CHECKS", "Rig", "check_link"]

CHECKS = (
    constructor_opens_nothing,
    reports_opening_then_open,
    hears_each_once_in_order,
    hears_a_burst_whole,
    carries_chinese_both_ways,
    sends_and_says_so,
    text_capacity_is_exact,
    data_capacity_is_exact,
    refuses_what_is_no_address,
    defers_before_the_slot,
    slot_survives_restart,
    defers_while_closed,
    missing_device_is_a_link_error,
    unplug_is_link_lost,
    unplug_while_sending_is_unknown,
    hang_while_sending_is_unknown,
    hang_is_noticed,
    hang_is_recovered,
    garbage_loses_no_good_frame,
    cancelled_run_leaves_nothing,
    run_ending_ends_a_send,
    cancelled_send_leaves_the_device_usable,
    slow_sink_loses_nothing,
    broadcast_is_told_apart,
    no_signal_is_busy,
)


async def check_link(make_rig):
    """Run every check on rigs made by ``make_rig()``; the first failure is raised, named by a note."""
    for check in CHECKS:
        try:
            await check(make_rig)
        except AssertionError as error:
            error.add_note(f"link check: {check.__name__} - {check.__doc__.strip()}")
            raise
