"""The one error that leaves the Beidou codec."""


class FrameError(ValueError):
    """A sentence or frame breaks a rule of its protocol, on the way in or on the way out.

    ``reason`` is a short stable phrase (``bad checksum``, ``bad field``, ``over capacity``) for counters and JSON; the
    text says what is wrong, where, what was found and what is allowed.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
