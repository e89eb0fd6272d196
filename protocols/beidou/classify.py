"""What a terminal's sentence or frame means, in neutral values (reference/beidou.md sections 2 to 5).

One function for all three protocols: a port may speak two at once, and the class of an event says which it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocols.beidou.bd3 import BDFKI3, BDICP, BDPWI, BDTCI
from protocols.beidou.bd21_binary import BDXSD, BDXST
from protocols.beidou.bd21_terminal import BDBSI, BDDWR, BDFKI21, BDICI, BDICZ, BDTXR, BDWAA
from protocols.beidou.bd40_terminal import DWXX, FKXX, GLZK, GNPX, ICXX, INFO_QUERY_RESULT, TXXX, ZJXX, ICXXList
from protocols.beidou.capacity import BD3_LEVEL_OF_ZERO
from protocols.beidou.errors import FrameError
from protocols.beidou.neutral import (
    COMMAND_USER_TYPES,
    Answer,
    Beam,
    CardInfo,
    Feedback,
    GeoFix,
    HeardMessage,
    HeardPosition,
    Neutral,
    Odd,
    Other,
    OwnPosition,
    Status,
    Subordinates,
)
from protocols.beidou.nmea import parse_fix
from protocols.beidou.reader import NmeaSentence, Reject, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocols.beidou.payload import Payload
    from protocols.beidou.reader import Event

ANSWERS_21 = {
    0: Answer.FAILED,
    1: Answer.INHIBITED,
    2: Answer.LOW_BATTERY,
    3: Answer.SILENT,
    4: Answer.NO_LOCK,
    5: Answer.NO_CARD,
}
"""Field 4 of the 2.1 feedback when the command was not executed (2.6)."""
ANSWERS_3 = {
    0: Answer.FAILED,
    1: Answer.EARLY,
    2: Answer.INHIBITED,
    3: Answer.SILENT,
    4: Answer.NO_LOCK,
    5: Answer.NO_CARD,
    6: Answer.NO_PERMISSION,
    11: Answer.DAMAGED,
}
"""Field 4 of the BDS-3 feedback (5.5)."""
ANSWERS_40 = {
    0: Answer.SENT,
    1: Answer.FAILED,
    2: Answer.NO_LOCK,
    3: Answer.LOW_BATTERY,
    4: Answer.EARLY,
    5: Answer.CRYPTO,
    6: Answer.DAMAGED,
    7: Answer.INHIBITED,
    8: Answer.SILENT,
}
"""Flag of the 4.0 feedback (3.6). 8 is radio silence for one author and the end of inhibition for another: the burst
did not leave either way, and asking again soon is right for both."""
TXR_URGENT, TXR_BROADCAST = 2, 3
DWR_OWN = 1
NOBODY = 0
"""Receiver of a copied fix: it went back to the subordinate, and is surely not for us."""
S2C_USABLE_DBHZ = 40.0
"""A BDS-3 beam above this carries traffic [TDDOC]."""
S2C_STEP_DBHZ = 4.0
"""Our own scale above it, as nothing is published: one level more for every 4 dB."""


def classify(event: Event) -> Neutral:
    """Return what an event means."""
    read = _READERS.get(type(event))
    return Other(type(event).__name__) if read is None else read(event)


def _nmea(event: NmeaSentence) -> Neutral:
    try:
        fix = parse_fix(event.raw)
    except FrameError as error:
        return Odd(error.reason)
    if fix is None or not fix.valid:
        return Other("NMEA")
    return OwnPosition(GeoFix(fix.lat, fix.lon, fix.height_m))


def _card(event: BDICI | ICXX | BDICP) -> CardInfo:
    match event:
        case BDICI():
            return CardInfo(
                protocol=event.PROTOCOL,
                card=0 if event.no_card else int(event.card),
                broadcast=int(event.broadcast),
                command=event.user_type in COMMAND_USER_TYPES and not event.no_card,
                frequency_s=float(event.freq_s),
                level=event.level,
                encrypted=event.encrypted,
                subordinates=event.subordinates,
            )
        case ICXX():
            return CardInfo(
                protocol=event.PROTOCOL,
                card=event.addr,
                broadcast=event.broadcast,
                command=event.user_type in COMMAND_USER_TYPES and event.addr != 0,
                frequency_s=float(event.freq_s),
                level=event.level,
                encrypted=event.encryption != 0,
                subordinates=event.subordinates,
            )
        case BDICP():
            # which of the 23 fields tells a command card is not published; its subordinates do (4.1, 4.5)
            return CardInfo(
                protocol=event.PROTOCOL,
                card=int(event.card),
                broadcast=int(event.broadcast),
                command=bool(event.subordinates),
                frequency_s=float(event.freq_s or 0),
                level=event.level_raw or BD3_LEVEL_OF_ZERO,
                encrypted=False,
                subordinates=event.subordinates or 0,
            )


def _feedback(event: BDFKI21 | BDFKI3 | FKXX) -> Feedback:
    match event:
        case BDFKI21():
            wait_s: float | None = float(event.wait_s) or None
            if event.executed:
                answer = Answer.SENT
            elif event.inhibit == 0 and (wait_s or not event.freq_ok):
                answer = Answer.EARLY
            else:
                answer = ANSWERS_21.get(event.inhibit, Answer.FAILED)
            detail = f"FKI {event.cmd} {'Y' if event.executed else 'N'} inhibit {event.inhibit}"
            command = event.cmd
        case BDFKI3():
            reason = event.reason or 0
            answer = Answer.SENT if event.executed and reason == 0 else ANSWERS_3.get(reason, Answer.FAILED)
            wait_s = float(event.wait_s) if event.wait_s else None
            detail = f"FKI {event.cmd} {'Y' if event.executed else 'N'} reason {reason}"
            command = event.cmd
        case FKXX():
            answer = ANSWERS_40.get(event.flag, Answer.FAILED)
            wait_s = None if event.wait_s is None else float(event.wait_s)
            command = event.extra.decode("latin-1") if event.extra.isalpha() and answer is not Answer.EARLY else ""
            detail = f"FKXX {command or '-'} flag {event.flag}"
    shown = detail if wait_s is None else f"{detail} wait {wait_s:g} s"
    return Feedback(command, answer, wait_s, f"{shown} ({answer})")


def _status(event: BDBSI | GLZK | ZJXX | BDPWI) -> Status:
    match event:
        case BDBSI():
            return Status(_power_beams(event.power))
        case GLZK():
            return Status(_power_beams(event.beam_power))
        case ZJXX():
            return Status(_power_beams(event.beam_power), _barrier_40(event.inbound_state))
        case BDPWI():
            return Status(
                tuple(
                    Beam(f"{beam.beam:02d}", _level_of(beam.s2c_d), f"S2C {beam.s2c_d:g} dBHz")
                    for beam in event.bd3_beams
                )
            )


def _power_beams(power: tuple[int | None, ...]) -> tuple[Beam, ...]:
    return tuple(Beam(f"{number:02d}", min(max(level or 0, 0), 4)) for number, level in enumerate(power, 1))


def _level_of(s2c_dbhz: float) -> int:
    if s2c_dbhz <= S2C_USABLE_DBHZ:
        return 0
    return min(4, 1 + int((s2c_dbhz - S2C_USABLE_DBHZ) // S2C_STEP_DBHZ))


def _barrier_40(inbound_state: int) -> str:
    """Read the inbound state as [LYS] does: bit 0 inhibited, bit 1 not silent; 2 is normal in every capture (3.6)."""
    if inbound_state & 0x01:
        return str(Answer.INHIBITED)
    return "" if inbound_state & 0x02 else str(Answer.SILENT)


def _message(event: BDTXR | TXXX | BDTCI | BDXST) -> HeardMessage:
    match event:
        case BDTXR():
            return _content(
                event.payload,
                sender=event.sender,
                receiver=None,
                broadcast=event.msg_type == TXR_BROADCAST,
                urgent=event.msg_type == TXR_URGENT,
                sent_at=event.sent_at or "",
            )
        case TXXX():
            return _content(
                event.payload,
                sender=event.sender,
                receiver=event.addr,
                sent_at=_stored_at(event),
                crc_flag=event.crc_flag,
            )
        case BDTCI():
            return _content(event.payload, sender=event.sender, receiver=event.receiver, sent_at=event.time or "")
        case BDXST():
            return _content(
                event.payload,
                sender=event.sender,
                receiver=event.receiver,
                sent_at=_stored_at(event),
                crc_flag=event.crc_flag,
            )


def _stored_at(event: TXXX | BDXST) -> str:
    """Return when a message that was queried had been sent; the time of others is always 0 (3.6)."""
    return f"{event.hour:02d}:{event.minute:02d}" if event.info & INFO_QUERY_RESULT else ""


def _content(
    payload: Payload,
    *,
    sender: int,
    receiver: int | None,
    broadcast: bool = False,
    urgent: bool = False,
    sent_at: str = "",
    crc_flag: int = 0,
) -> HeardMessage:
    """Return a heard message with its content as text, bytes or a position; what is odd is noted, never lost."""
    notes = []
    if crc_flag:
        notes.append("the terminal marks the content as damaged")
    if payload.error:
        notes.append(payload.error)
    text, data, fix = payload.text, None, None
    report = payload.position
    if report is not None:
        text, fix = None, GeoFix(report.lat, report.lon, float(report.height_m))
    elif text is None and payload.odd:
        text = payload.code
        notes.append("odd number of digits, shown as digits")
    elif text is None:
        data = payload.data
    return HeardMessage(
        sender=int(sender),
        receiver=None if receiver is None else int(receiver),
        broadcast=broadcast,
        text=text,
        data=data,
        fix=fix,
        urgent=urgent,
        sent_at=sent_at,
        note="; ".join(notes),
    )


def _position(event: BDDWR | BDWAA | DWXX | BDXSD | GNPX) -> Neutral:
    if event.lat is None or event.lon is None:
        return Other(event.KIND)
    fix = GeoFix(event.lat, event.lon, None if event.height_m is None else float(event.height_m))
    match event:
        case GNPX():
            # the status byte is not published; no satellites, or 0° 0°, is a receiver without a fix
            return OwnPosition(fix) if event.sats and (fix.lat or fix.lon) else Other(event.KIND)
        case BDDWR():
            return (
                OwnPosition(fix)
                if event.pos_type == DWR_OWN
                else HeardPosition(int(event.addr), None, fix, event.utc or "")
            )
        case BDWAA():
            return HeardPosition(int(event.addr), None, fix, event.utc or "")
        case BDXSD():
            return HeardPosition(event.addr, NOBODY, fix, event.utc, "copy of a subordinate's fix")
        case DWXX():
            # the envelope's address is the receiver's, as in TXXX; a fix of one's own names no other target
            return HeardPosition(event.target or event.addr, event.addr, fix, event.utc)


def _subordinates(event: BDICZ | ICXXList) -> Subordinates:
    if isinstance(event, BDICZ):
        return Subordinates(tuple(map(int, event.addrs)), total=event.total)
    return Subordinates(event.addrs, frame=event.frame_no)


def _odd(event: Reject | Unknown) -> Odd:
    return Odd(event.reason if isinstance(event, Reject) else "unknown sentence")


_READERS: dict[type, Callable[[Any], Neutral]] = {
    **dict.fromkeys((Reject, Unknown), _odd),
    **dict.fromkeys((BDICI, ICXX, BDICP), _card),
    **dict.fromkeys((BDFKI21, BDFKI3, FKXX), _feedback),
    **dict.fromkeys((BDBSI, GLZK, ZJXX, BDPWI), _status),
    **dict.fromkeys((BDTXR, TXXX, BDTCI, BDXST), _message),
    **dict.fromkeys((BDDWR, BDWAA, DWXX, BDXSD, GNPX), _position),
    **dict.fromkeys((BDICZ, ICXXList), _subordinates),
    NmeaSentence: _nmea,
}
