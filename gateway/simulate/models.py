"""The links of a scenario file: one table by model, and the device that it makes. Defaults are those of bearers.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.link import SendOutcome
from gateway.model import BEIDOU, CARD_MAX
from gateway.simulate.bearers import HF_MODES, Figures, Sky, daily, flapping, passes
from gateway.simulate.channel import ALWAYS, Together

if TYPE_CHECKING:
    from gateway.simulate.channel import Timeline

MIN_S = 60.0
HOUR_S = 3_600.0

Positive = Annotated[float, Field(gt=0, le=1_000_000)]
NotNegative = Annotated[float, Field(ge=0, le=1_000_000)]
Share = Annotated[float, Field(ge=0, lt=1)]
Address = Annotated[str, Field(pattern=r"^[A-Za-z0-9+.-]{1,40}$")]
Bearer = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,15}$")]
Hour = Annotated[float, Field(ge=0, le=24)]


class LinkTable(BaseModel):
    """What every link has."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    price_per_frame: NotNegative = 0.0
    """Money for one frame, in the operator's currency."""
    dark_every_h: NotNegative = 0.0
    """Mean time between spells without signal that the device can see (a valley, an antenna that fell over); 0: none."""
    dark_min: Positive = 10.0
    """Mean length of such a spell."""

    def dark_line(self, name: str) -> Timeline:
        """Return when the device has signal, as far as chance decides it."""
        if not self.dark_every_h:
            return ALWAYS
        return flapping(f"{name}/dark", self.dark_every_h * HOUR_S, self.dark_min * MIN_S)


class BeidouModel(LinkTable):
    """``model = "beidou"``: a Beidou terminal with its card."""

    model: Literal["beidou"]
    card: Annotated[int, Field(ge=1, le=CARD_MAX)]
    command: bool = False
    """A command terminal: it overhears its subordinates and may broadcast."""
    slot_s: Positive = 60.0
    loss: Share = 0.045
    delay_mean_s: Positive = 3.8

    @property
    def bearer(self) -> str:
        """Return the kind of network."""
        return BEIDOU

    @property
    def address(self) -> str:
        """Return the card."""
        return str(self.card)

    def figures(self) -> Figures:
        """Return what a frame costs and can."""
        return Figures(
            bearer=BEIDOU,
            frame_bytes=78,
            slot_s=self.slot_s,
            airtime_s=0.2,
            price=self.price_per_frame,
            outcome=SendOutcome.ACCEPTED,
            loss=self.loss,
            delay_min_s=min(0.5, self.delay_mean_s),
            delay_mean_s=self.delay_mean_s,
            # A burst one slot later has another chance; within a slot there is no second burst to compare with.
            cell_s=self.slot_s,
        )

    def sky(self, start_hour: float) -> Sky | None:
        """Return what changes with time and distance: nothing."""
        del start_hour
        return None

    def seen(self, name: str, start_hour: float, duration_s: float) -> Timeline:
        """Return when the device sees that it can send."""
        del start_hour, duration_s
        return self.dark_line(name)


class HfModel(LinkTable):
    """``model = "hf"``: a radio with a data modem on a frequency that all stations share."""

    model: Literal["hf"]
    address: Address
    bearer: Bearer = "hf"
    mode: Literal["datac0", "datac1", "datac3"] = "datac3"
    snr_day_db: Annotated[float, Field(ge=-30, le=60)] = 6.0
    """SNR in 3 kHz by day within 100 km."""
    snr_night_db: Annotated[float, Field(ge=-30, le=60)] = 2.0
    turnaround_s: NotNegative = 1.6
    """Pause after a burst, so that others get at the frequency."""
    fade_every_s: NotNegative = 60.0
    """Mean time between deep fades of a path; 0: none."""
    absorption_every_h: NotNegative = 120.0
    closes: bool = True
    """Whether the band closes around dusk and dawn."""
    windows: tuple[tuple[Hour, Hour], ...] = ()
    """Hours of the day in which the station is on the air; none: always."""
    feedback: Annotated[float, Field(ge=0, le=1)] = 0.98
    """Share of bursts of which the modem says that it keyed the radio."""

    def figures(self) -> Figures:
        """Return what a frame costs and can."""
        mode = HF_MODES[self.mode]
        slot_s = round(mode.burst_s + self.turnaround_s, 3)
        return Figures(
            bearer=self.bearer,
            frame_bytes=mode.frame_bytes,
            slot_s=slot_s,
            airtime_s=mode.burst_s,
            price=self.price_per_frame,
            outcome=SendOutcome.ACCEPTED,
            loss=0.0,
            delay_min_s=0.1,
            delay_mean_s=0.1,
            cell_s=slot_s,
            shared=True,
            feedback=self.feedback,
        )

    def sky(self, start_hour: float) -> Sky:
        """Return what changes with time and distance."""
        return Sky(
            mode=HF_MODES[self.mode],
            snr_day_db=self.snr_day_db,
            snr_night_db=self.snr_night_db,
            fade_every_s=self.fade_every_s,
            absorption_every_s=self.absorption_every_h * HOUR_S,
            closes=self.closes,
            start_hour=start_hour,
        )

    def seen(self, name: str, start_hour: float, duration_s: float) -> Timeline:
        """Return when the station is on the air and its radio works."""
        dark = self.dark_line(name)
        return Together([daily(self.windows, start_hour, duration_s), dark]) if self.windows else dark


class MessageModel(LinkTable):
    """``model = "satcom"``: a satellite short-message or datagram terminal (Tiantong, Iridium SBD, 4G text messages)."""

    model: Literal["satcom"]
    address: Address
    bearer: Bearer = "satcom"
    price_per_frame: NotNegative = 0.5
    frame_bytes: Annotated[int, Field(ge=20, le=4096)] = 140
    """140: a short message; 270: what Iridium SBD carries both ways."""
    slot_s: Positive = 8.0
    """Pace of one modem (reference/satellite.md section 2: 5-10 s)."""
    session_s: Positive = 5.0
    """How long the modem is busy with one frame."""
    loss: Share = 0.02
    delay_mean_s: Positive = 15.0

    def figures(self) -> Figures:
        """Return what a frame costs and can."""
        return Figures(
            bearer=self.bearer,
            frame_bytes=self.frame_bytes,
            slot_s=max(self.slot_s, self.session_s),
            airtime_s=self.session_s,
            price=self.price_per_frame,
            outcome=SendOutcome.RELAYED,
            loss=self.loss,
            delay_min_s=min(0.5, self.delay_mean_s),
            delay_mean_s=self.delay_mean_s,
            cell_s=max(self.slot_s, self.session_s),
            stores=True,
        )

    def sky(self, start_hour: float) -> Sky | None:
        """Return what changes with time and distance: nothing."""
        del start_hour
        return None

    def seen(self, name: str, start_hour: float, duration_s: float) -> Timeline:
        """Return when the device sees that it can send."""
        del start_hour, duration_s
        return self.dark_line(name)


class PassesModel(LinkTable):
    """``model = "passes"``: a satellite that stores and forwards, overhead now and then."""

    model: Literal["passes"]
    address: Address
    bearer: Bearer = "satcom"
    price_per_frame: NotNegative = 0.2
    frame_bytes: Annotated[int, Field(ge=20, le=4096)] = 192
    every_min: Positive = 95.0
    lasts_min: Positive = 8.0
    jitter_min: NotNegative = 10.0
    slot_s: Positive = 10.0
    loss: Share = 0.1
    delay_mean_s: Positive = 20.0
    always: bool = False
    """The ground station at the other end, which has the mailbox over a line and needs no pass to hear."""

    @model_validator(mode="after")
    def _passes_apart(self) -> PassesModel:
        if self.lasts_min + 2 * self.jitter_min >= self.every_min:
            raise ValueError("passes run into each other: lasts_min + 2 x jitter_min must be below every_min")
        return self

    def figures(self) -> Figures:
        """Return what a frame costs and can."""
        return Figures(
            bearer=self.bearer,
            frame_bytes=self.frame_bytes,
            slot_s=self.slot_s,
            airtime_s=2.0,
            price=self.price_per_frame,
            outcome=SendOutcome.RELAYED,
            loss=self.loss,
            delay_min_s=1.0,
            delay_mean_s=max(1.0, self.delay_mean_s),
            cell_s=self.slot_s,
            stores=True,
        )

    def sky(self, start_hour: float) -> Sky | None:
        """Return what changes with time and distance: the passes do that already."""
        del start_hour
        return None

    def seen(self, name: str, start_hour: float, duration_s: float) -> Timeline:
        """Return the passes that the device sees."""
        del start_hour, duration_s
        dark = self.dark_line(name)
        if self.always:
            return dark
        line = passes(f"{name}/passes", self.every_min * MIN_S, self.lasts_min * MIN_S, self.jitter_min * MIN_S)
        return Together([line, dark])


class IpModel(LinkTable):
    """``model = "ip"``: mobile IP (4G, 5G) or a fixed line."""

    model: Literal["ip"]
    address: Address
    bearer: Bearer = "cellular"
    up_min: NotNegative = 0.0
    """Mean length of a spell in which the network is there; 0: always."""
    down_min: Positive = 5.0
    frame_bytes: Annotated[int, Field(ge=100, le=4096)] = 1200
    loss: Share = 0.01
    delay_mean_s: Positive = 0.08

    def figures(self) -> Figures:
        """Return what a frame costs and can."""
        return Figures(
            bearer=self.bearer,
            frame_bytes=self.frame_bytes,
            slot_s=0.2,
            airtime_s=0.01,
            price=self.price_per_frame,
            outcome=SendOutcome.RELAYED,
            loss=self.loss,
            delay_min_s=min(0.03, self.delay_mean_s),
            delay_mean_s=self.delay_mean_s,
            cell_s=1.0,
        )

    def sky(self, start_hour: float) -> Sky | None:
        """Return what changes with time and distance: nothing."""
        del start_hour
        return None

    def seen(self, name: str, start_hour: float, duration_s: float) -> Timeline:
        """Return when the interface is up."""
        del start_hour, duration_s
        dark = self.dark_line(name)
        return (
            Together([flapping(f"{name}/ip", self.up_min * MIN_S, self.down_min * MIN_S), dark])
            if self.up_min
            else dark
        )


LinkModel = Annotated[BeidouModel | HfModel | MessageModel | PassesModel | IpModel, Field(discriminator="model")]
"""One ``[stations.<name>.links.<link>]`` table."""
