"""The topic tree: ``<root>/v1/<region>/<gateway>/…``. The only place where a topic is written or read.

Levels are made of registry names only. paho refuses ``+``, ``#`` and blanks but lets ``/``, NUL and ``$SYS`` pass
(measured), so nothing that came over the air may reach a topic without going through here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.model import Endpoint, EndpointKind, MessageKind, ModelError

VERSION_LEVEL = "v1"
"""Version of topics and payloads together; a change that breaks a consumer gets a new one."""

TOPIC_CHARS_MAX = 256
"""Longest inbound topic that is looked at; ours are at most 172."""

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,31}")
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")


class TopicError(ValueError):
    """A topic that is not ours, or a name that must not become one."""


@dataclass(frozen=True, slots=True)
class CommandTopic:
    """An order for an endpoint: ``down/<endpoint>``."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class ReceiptTopic:
    """Evidence about a bundle, ours or a consumer's: ``receipt/<bundle-id>``."""

    bundle_id: str


Inbound = CommandTopic | ReceiptTopic
"""Everything a gateway subscribes to."""


def _level(what: str, value: str, pattern: re.Pattern[str] = _NAME) -> str:
    if not pattern.fullmatch(value):
        longest = 64 if pattern is _ID else 32
        raise TopicError(
            f"{what}: found {value[:80]!r}, use 1 to {longest} of A-Z a-z 0-9 _ . - and no dot at the beginning"
        )
    return value


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one gateway. Raise TopicError for names that must not become topic levels."""

    root: str
    region: str
    gateway: str

    def __post_init__(self) -> None:
        """Check the three names."""
        for what, value in (("root", self.root), ("region", self.region), ("gateway", self.gateway)):
            _level(what, value)

    @property
    def base(self) -> str:
        """Return ``<root>/v1/<region>/<gateway>``."""
        return f"{self.root}/{VERSION_LEVEL}/{self.region}/{self.gateway}"

    @property
    def state(self) -> str:
        """Return the gateway's own state; retained, also the last will's topic."""
        return f"{self.base}/state"

    @property
    def refusal(self) -> str:
        """Return where orders that could not be taken are answered, as they have no bundle to hang a receipt on."""
        return f"{self.base}/refusal"

    def link_state(self, link: str) -> str:
        """Return a link's state; retained."""
        return f"{self.base}/link/{_level('link', link)}/state"

    def up(self, kind: MessageKind) -> str:
        """Return where live reports of a kind go."""
        return f"{self.base}/up/{MessageKind(kind)}"

    def backlog(self, kind: MessageKind) -> str:
        """Return where reports go that waited too long to be news."""
        return f"{self.base}/backlog/{MessageKind(kind)}"

    def down(self, endpoint: Endpoint) -> str:
        """Return where orders for an endpoint are given."""
        _level("endpoint", endpoint.name)
        if endpoint.kind is EndpointKind.BUS:
            raise TopicError(f"endpoint: found {endpoint}, orders go to the field, not to the bus")
        return f"{self.base}/down/{endpoint}"

    def receipt(self, bundle_id: str) -> str:
        """Return where receipts about a bundle go, from both sides."""
        return f"{self.base}/receipt/{_level('bundle id', bundle_id, _ID)}"

    def subscriptions(self) -> tuple[str, ...]:
        """Return the filters a gateway subscribes to."""
        return (f"{self.base}/down/+", f"{self.base}/receipt/+")

    def parse(self, topic: str) -> Inbound:
        """Read an inbound topic; raise TopicError for every other one."""
        prefix = self.base + "/"
        if len(topic) > TOPIC_CHARS_MAX or not topic.startswith(prefix):
            raise TopicError(f"topic: found {topic[:80]!r}, expected it under {prefix}")
        match topic.removeprefix(prefix).split("/"):
            case ["down", endpoint]:
                return CommandTopic(self._endpoint(endpoint))
            case ["receipt", bundle_id]:
                return ReceiptTopic(_level("bundle id", bundle_id, _ID))
        raise TopicError(
            f"topic: found {topic[:80]!r}, publish orders on down/<kind:name> and receipts on receipt/<id>"
        )

    def _endpoint(self, text: str) -> Endpoint:
        try:
            endpoint = Endpoint.parse(text)
            self.down(endpoint)
        except ModelError as error:
            raise TopicError(f"topic level after down/: {error}") from None
        return endpoint
