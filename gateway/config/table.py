"""What all tables of the settings have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gateway.model import LIFETIME_S_MAX

NAME = r"^[A-Za-z0-9_-]{1,32}$"
Name = Annotated[str, Field(pattern=NAME)]
Seconds = Annotated[float, Field(gt=0, le=LIFETIME_S_MAX, allow_inf_nan=False)]
LINKS_MAX = 64


class Table(BaseModel):
    """A TOML table: unknown keys are faults, values are final."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
