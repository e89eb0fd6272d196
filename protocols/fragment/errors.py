"""The one error that leaves this package."""


class FragmentError(ValueError):
    """A fragment, report, snapshot or argument breaks a rule of the format.

    ``reason`` is a short stable phrase (``bad header``, ``conflict``, ``too long``) for counters and JSON; the text says
    what was found and what is allowed.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
