"""The message types of schema 1, by number, with their fields in order of coding. Numbers are never given out twice.

What this schema does not know still travels: a type by its name, a value of a choice by its word, a field by its name and
JSON value. So an older program shows less beautifully, and loses nothing. A change of the tables below is a new schema
with a new model file; old model files stay, each with the number of its schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.content.fields import Binned, Choice, Decimal, Group, Hex, Many, Number, Place, Round, Signed, Text
from protocols.content.references import Coded, Expected, MessageId, Until

if TYPE_CHECKING:
    from protocols.content.fields import Kind


@dataclass(frozen=True)
class Slot:
    """One field of a message type."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class MessageType:
    """One type of message."""

    name: str
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class Schema:
    """All types under one number."""

    number: int
    types: tuple[MessageType, ...]

    def number_of(self, name: str) -> int | None:
        """Return the number of a type, or None for one this schema does not know."""
        return next((number for number, one in enumerate(self.types) if one.name == name), None)


HEIGHT = Place(members=(("alt", Signed()),))


def _type(name: str, **kinds: Kind) -> MessageType:
    """Return a type; one with a place also says who gives the place and how many seconds old it is."""
    if "pos" in kinds:
        kinds |= {"at": Choice(("terminal", "text", "last-known")), "age": Number(24)}
    return MessageType(name, tuple(Slot(field, kind) for field, kind in kinds.items()))


SCHEMA_1 = Schema(
    1,
    (
        _type(
            "position",
            pos=HEIGHT,
            spd=Number(12),
            crs=Binned(12, 30, given="spd"),
            bat=Binned(4, 26),
            sats=Binned(1, 40),
            status=Choice(("ok", "moving", "resting", "arrived", "need_help", "low_battery")),
            team=Number(16),
            text=Text(),
        ),
        _type(
            "sos",
            pos=HEIGHT,
            cause=Choice(("trapped", "injured", "flood", "fire", "quake", "lost", "medical", "vessel", "landslide")),
            people=Number(),
            injured=Number(),
            bat=Binned(4, 26),
            text=Text(),
        ),
        _type(
            "casualty",
            pos=HEIGHT,
            area=Coded(),
            dead=Number(),
            missing=Number(),
            serious=Number(),
            light=Number(),
            trapped=Number(),
            moved=Number(),
            text=Text(),
        ),
        _type(
            "hazard",
            pos=HEIGHT,
            hazard=Choice(
                (
                    "road_block",
                    "building",
                    "barrier_lake",
                    "comms_down",
                    "power_out",
                    "bridge",
                    "debris_flow",
                    "rockfall",
                    "dike",
                    "hazmat",
                    "water",
                    "fire",
                )
            ),
            severity=Binned(1, 8),
            text=Text(),
        ),
        _type(
            "resource",
            pos=HEIGHT,
            urgency=Binned(1, 8),
            items=Many(
                (
                    (
                        "item",
                        Choice(
                            (
                                "water",
                                "food",
                                "tent",
                                "quilt",
                                "medicine",
                                "diesel",
                                "generator",
                                "excavator",
                                "boat",
                                "lamp",
                                "bodybag",
                                "blood",
                            )
                        ),
                    ),
                    ("qty", Round()),
                )
            ),
            text=Text(),
        ),
        _type(
            "command",
            pos=HEIGHT,
            task=Number(),
            action=Choice(("goto", "search", "evacuate", "hold", "report", "escort", "stop")),
            due=Until(),
            text=Text(),
        ),
        _type(
            "ack",
            ref=MessageId(),
            result=Choice(("received", "read", "accepted", "done", "rejected")),
            text=Text(),
        ),
        _type(
            "sensor",
            pos=HEIGHT,
            sensor=Coded("S", (3,)),
            metric=Choice(("water_level", "rain_1h", "displacement", "tilt", "pga", "soil_moist")),
            value=Decimal("metric"),
            unit=Choice(("m", "mm", "deg", "gal", "%", "m3/s", "°C", "mg/m3", "ppm"), given="metric"),
            threshold=Decimal("metric"),
            level=Binned(1, 8),
            trend=Choice(("up", "flat", "down")),
            text=Text(),
        ),
        _type(
            "cap",
            cap=Group(
                (
                    ("identifier", Expected("alert")),
                    ("status", Choice(("Actual", "Exercise", "System", "Test", "Draft"))),
                    ("msgType", Choice(("Alert", "Update", "Cancel", "Ack", "Error"))),
                    ("scope", Choice(("Public", "Restricted", "Private"))),
                    (
                        "category",
                        Choice(
                            (
                                "Geo",
                                "Met",
                                "Safety",
                                "Security",
                                "Rescue",
                                "Fire",
                                "Health",
                                "Env",
                                "Transport",
                                "Infra",
                                "CBRNE",
                                "Other",
                            )
                        ),
                    ),
                    ("event", Choice(("11B03", "11A01", "11B09", "11A51"))),
                    ("urgency", Choice(("Immediate", "Expected", "Future", "Past", "Unknown"))),
                    ("severity", Choice(("Extreme", "Severe", "Moderate", "Minor", "Unknown"))),
                    ("certainty", Choice(("Observed", "Likely", "Possible", "Unlikely", "Unknown"))),
                    ("expires", Until()),
                    ("headline", Text()),
                    ("description", Text()),
                    ("instruction", Text()),
                    ("areaDesc", Expected("area")),
                    ("circle", Place(members=(("km", Round()),))),
                )
            ),
            text=Text(),
        ),
        _type("chat", text=Text()),
        _type("opaque", data=Hex(), text=Text()),
    ),
)
