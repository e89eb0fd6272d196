"""The file that ``python -m drivers.virtual`` reads: a sky, its terminals on ports, and handsets.

Seconds in the file are those of the simulated world; ``speed`` divides all of them, so that a card's 60 s slot takes
6 s at speed 10, and the terminals report what they then really do. An example stands in docs of ``__main__``.
"""

from __future__ import annotations

import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from drivers.virtual.sky import DELAY_MEAN_S, HOPS_S, LOSS, Outage, SkySettings

Card = Annotated[int, Field(ge=1, le=99_999_999)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class SkyFileError(ValueError):
    """The file cannot be used; the text has one line for each fault, with its place."""


def host_and_port(text: str) -> tuple[str, int]:
    """Take ``127.0.0.1:7001`` apart; raise ValueError unless the host is this machine."""
    host, colon, port = text.rpartition(":")
    try:
        local = ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        local = host == "localhost"
    if not (colon and local and port.isdigit() and int(port) <= 65_535):
        raise ValueError(f"found {text!r}; write 127.0.0.1:port, simulated devices listen on this machine only")
    return host.strip("[]"), int(port)


def _check_loopback(text: str) -> str:
    host_and_port(text)
    return text


def _check_absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"found {str(path)!r}; write an absolute path")
    return path


Loopback = Annotated[str, AfterValidator(_check_loopback)]
AbsolutePath = Annotated[Path, AfterValidator(_check_absolute)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OutageTable(_Table):
    """No signal for a while, for one card or for all."""

    start_s: float = Field(ge=0)
    end_s: float = Field(gt=0)
    card: Card | None = None


class AirTable(_Table):
    """``[air]``: how the sky behaves."""

    loss: Share = LOSS
    delay_mean_s: float = Field(default=DELAY_MEAN_S, ge=HOPS_S)
    duplicate: Share = 0.0
    outages: tuple[OutageTable, ...] = ()


class TerminalTable(_Table):
    """``[terminals.<name>]``: one terminal on a TCP port, or on a pty whose name is linked at ``pty``."""

    protocol: Literal["bd-2.1", "bd-4.0", "bd-3"]
    card: Card
    tcp: Loopback | None = None
    pty: AbsolutePath | None = None
    level: int | None = Field(default=None, ge=1, le=5)
    frequency_s: float = Field(default=60.0, gt=0)
    encrypted: bool = False
    broadcast: int = Field(default=0, ge=0, le=99_999_999)
    command: bool = False
    subordinates: tuple[Card, ...] = ()
    position: tuple[float, float] | None = None
    """Latitude and longitude in degrees."""
    baud: int = 115_200

    @model_validator(mode="after")
    def _one_port(self) -> Self:
        if (self.tcp is None) == (self.pty is None):
            raise ValueError("give the terminal either tcp or pty")
        return self


class HandsetTable(_Table):
    """``[[handsets]]``: a person with a plain handset."""

    card: Card
    level: int = Field(default=3, ge=1, le=4)
    frequency_s: float = Field(default=60.0, gt=0)
    broadcast: int = Field(default=0, ge=0, le=99_999_999)
    auto_answer: bool = False


class SkyFile(_Table):
    """The whole file."""

    seed: int = 1
    speed: float = Field(default=1.0, gt=0, le=1000)
    control: str
    """``unix:/path`` or ``tcp:127.0.0.1:port``."""
    air: AirTable = AirTable()
    terminals: dict[str, TerminalTable] = {}
    handsets: tuple[HandsetTable, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self.control_address()
        cards = [terminal.card for terminal in self.terminals.values()] + [handset.card for handset in self.handsets]
        twice = sorted({card for card in cards if cards.count(card) > 1})
        if twice:
            raise ValueError(f"cards {twice} are given twice; every card is in one place")
        return self

    def control_address(self) -> Path | tuple[str, int]:
        """Return where the control socket is; raise ValueError."""
        scheme, _, rest = self.control.partition(":")
        if scheme == "tcp":
            return host_and_port(rest)
        if scheme == "unix" and rest.startswith("/"):
            return Path(rest)
        raise ValueError(f"control: found {self.control!r}; write unix:/absolute/path or tcp:127.0.0.1:port")

    def sky_settings(self) -> SkySettings:
        """Return the sky at the file's speed."""
        return SkySettings(
            loss=self.air.loss,
            delay_mean_s=self.air.delay_mean_s / self.speed,
            delay_min_s=HOPS_S / self.speed,
            duplicate=self.air.duplicate,
            outages=tuple(Outage(o.start_s / self.speed, o.end_s / self.speed, o.card) for o in self.air.outages),
        )


def read_sky_file(path: Path) -> SkyFile:
    """Read and check; raise SkyFileError with every fault."""
    try:
        return SkyFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SkyFileError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SkyFileError(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors()]
        raise SkyFileError("\n".join(lines)) from None
