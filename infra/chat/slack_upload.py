"""What ``MessageRef.upload`` says of the pictures that were uploaded to Slack. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from infra.chat.slack_view import pictures_digest, shown_pictures
from schemas.chat import MessageRef
from schemas.chat_view import View


@dataclass(frozen=True, slots=True)
class Upload:
    """Written ``<digest of the pictures>:<seconds since 1970>:<ids>``.

    Attributes:
        digest: Other pictures are to be uploaded themselves.
        at: When.
        ids: Empty: these pictures cannot be shown.
    """

    digest: str
    at: int
    ids: tuple[str, ...] = ()

    @classmethod
    def of(cls, ref: MessageRef, view: View) -> Self | None:
        """Return the upload of the view's pictures; ``None``: they were not uploaded."""
        digest, _, rest = (ref.upload or "").partition(":")
        at, _, ids = rest.partition(":")
        if digest != pictures_digest(view) or not (at.isascii() and at.isdigit()):
            return None
        return cls(digest, int(at), tuple(one for one in ids.split(",") if one))

    @classmethod
    def made(cls, view: View, now: datetime, ids: tuple[str, ...] = ()) -> Self:
        """Return what was uploaded now."""
        return cls(pictures_digest(view), int(now.timestamp()), ids)

    def __str__(self) -> str:
        return f"{self.digest}:{self.at}:{','.join(self.ids)}"


def needs_upload(ref: MessageRef, view: View) -> bool:
    """Return whether the view has pictures that Slack could show, and has not."""
    return shown_pictures(view) and Upload.of(ref, view) is None
