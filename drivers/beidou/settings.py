"""The ``[links.<name>]`` table of a Beidou terminal."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from drivers.bytestream import parse_url
from gateway.model import CARD_MAX
from protocols.beidou.dialect import PROTOCOLS

BAUDS = (115_200, 19_200, 9_600)
"""Rates tried by ``auto``, most likely first (reference/beidou.md section 1.5)."""


class BeidouSettings(BaseModel):
    """One terminal. Only ``url`` must be given; the rest is what the terminal cannot be asked or a site wants otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    """``serial:///dev/ttyUSB0``, ``/dev/ttyUSB0`` or ``tcp://host:port``."""
    baud: Literal["auto"] | Annotated[int, Field(ge=300, le=4_000_000)] = "auto"
    protocol: Literal["auto", "bd-2.1", "bd-4.0", "bd-3"] = "auto"
    card: Annotated[int, Field(gt=0, le=CARD_MAX)] | None = None
    """The card that must be in the slot; another one is reported and not used."""
    silent: bool = False
    """Only listen; nothing is transmitted."""
    slot_margin_s: Annotated[float, Field(ge=0, le=600)] = 2.0
    """Added to the card's service frequency between two bursts; users of 60 s cards wait 60 to 80 s."""
    status_silence_s: Annotated[float, Field(ge=25, le=3600)] = 35.0
    """Without a status sentence for this long the terminal is initialised again; status is asked for every 10 s."""
    feedback_timeout_s: Annotated[float, Field(ge=1, le=120)] = 15.0
    """How long a terminal may take to say whether a burst left; 8 to 15 s are published."""
    frequency_point: Annotated[int, Field(ge=1, le=5)] = 2
    """Beidou-3 only: uplink frequency point (频点); every published program uses 2."""
    level_bits: dict[Annotated[int, Field(ge=1, le=5)], Annotated[int, Field(ge=8, le=14_000)]] = {}
    """Beidou-3 only: bits per message by card level, where the site knows better than the safe figures."""

    @field_validator("url")
    @classmethod
    def _is_a_port(cls, url: str) -> str:
        parse_url(url)
        return url

    @property
    def bauds(self) -> tuple[int, ...]:
        """Return the rates to try; behind a serial server the rate is the server's business."""
        if parse_url(self.url).host:
            return BAUDS[:1]
        return BAUDS if self.baud == "auto" else (self.baud,)

    @property
    def protocols(self) -> tuple[str, ...]:
        """Return the protocols to try."""
        return PROTOCOLS if self.protocol == "auto" else (self.protocol,)
