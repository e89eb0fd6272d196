"""The entry point ``beidou`` of the group ``yizhan.drivers``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drivers.beidou.link import BeidouLink
from drivers.beidou.probe import probe_port
from drivers.beidou.settings import BeidouSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.link import LinkContext, Probed


class BeidouDriver:
    """Makes links to Beidou terminals on serial ports and serial servers."""

    name = "beidou"

    def check(self, table: Mapping[str, Any]) -> BeidouSettings:
        """Return the settings; raise pydantic.ValidationError."""
        return BeidouSettings.model_validate(dict(table))

    def make(self, settings: BeidouSettings, context: LinkContext) -> BeidouLink:
        """Make a link; opens nothing."""
        return BeidouLink(settings, context)

    async def probe(self, port: str) -> Probed:
        """Return what answers the card query on ``port``."""
        return await probe_port(port)


DRIVER = BeidouDriver()
