"""What may leave the content codec."""

from __future__ import annotations


class ContentError(ValueError):
    """Bytes that are no content of ours, or a message that is none. The text says what was found and what to do."""


class UnknownModel(ContentError):
    """The content names a model that is not installed here; it can be opened once that model file is."""

    def __init__(self, model_id: int) -> None:
        self.model_id = model_id
        super().__init__(
            f"content: coded with model {model_id:#06x}, which is not installed here; keep the bytes, install the "
            "model file of that number or a newer program, and open it again"
        )


class RevisionDiffers(ContentError):
    """The content leaves out what its sender's shared configuration says, and that is of another revision than ours."""

    def __init__(self) -> None:
        super().__init__(
            "content: coded with a shared configuration of another revision; keep the bytes, send a hello, and give both "
            "gateways the same context file"
        )
