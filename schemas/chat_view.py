"""What a message in a chat shows, and what a request is answered with. Neutral."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from schemas.chat import ChatAction, ChatUser
from schemas.lanes import Lane


class ChatStatus(StrEnum):
    """What a message shows of its job."""

    WAITING = "waiting"
    HELD = "held"
    """A person is to look at it first."""
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """Return whether nothing changes any more."""
        return self not in {ChatStatus.WAITING, ChatStatus.HELD, ChatStatus.RUNNING}


@dataclass(frozen=True, slots=True)
class ViewPicture:
    """A picture to be shown.

    Attributes:
        name: A file name without a path: ``grid.webp``.
        data: The bytes, within the platform's limit already.
        source: What they are made of, the same at each making, where the bytes are not: a
            sheet is signed anew each time. Empty: ``data``.
    """

    name: str
    media_type: str
    alt: str = field(repr=False)
    data: bytes = field(repr=False)
    source: bytes = field(default=b"", repr=False)

    @property
    def identity(self) -> bytes:
        """Return what digests are made of: equal for what looks the same."""
        return self.source or self.data


@dataclass(frozen=True, slots=True)
class Button:
    """A button as it is to be drawn.

    Attributes:
        label: ``U1``, ``🔄``, ``Cancel``.
        row: From 0.
        used: It was pressed: drawn so, and still there where the platform allows.
        danger: Drawn as one that takes something away.
        url: It leads there, instead of being an action.
    """

    label: str
    row: int = 0
    action: ChatAction | None = None
    used: bool = False
    danger: bool = False
    url: str | None = None


@dataclass(frozen=True, slots=True)
class View:
    """All that one message shows, and nothing of how. Rendering is a pure function of it.

    Attributes:
        command: ``imagine``, ``ask``, ``describe``, ``blend``.
        prompt: As the user typed it, flags left out: hostile text.
        mode: The job's lane.
        title: What was done besides: ``Image #2``, ``Variations of #3``; empty: nothing.
        position: 1 is next in the lane.
        starts_at: When it will probably start (aware); platforms count down to it themselves.
        percent: 0 to 100.
        text: What a model wrote, so far or in full: hostile text.
        pictures: What is shown, the previous ones replaced: a preview, the grid, one picture.
        notice: Why it ended so, and what can be done: our words, but for quoted parts.
        link: Where the whole result is, if it does not fit here.
    """

    status: ChatStatus
    command: str
    job_id: UUID
    owner: ChatUser
    mode: Lane
    prompt: str = field(default="", repr=False)
    title: str = ""
    position: int | None = None
    starts_at: datetime | None = None
    percent: int | None = None
    text: str | None = field(default=None, repr=False)
    pictures: tuple[ViewPicture, ...] = ()
    buttons: tuple[Button, ...] = ()
    notice: str | None = field(default=None, repr=False)
    link: str | None = None


class Tone(StrEnum):
    """How a notice is meant, for those who draw it in colour."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Notice:
    """Words for one person: private where the platform can.

    Attributes:
        title: ``Queue full``, ``Invalid parameter``, ``Prompt refused``.
        text: What, where, and what to do next.
    """

    title: str
    text: str = field(repr=False)
    tone: Tone = Tone.INFO
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Show:
    """Answer with a message for all, which is edited from then on."""

    view: View


@dataclass(frozen=True, slots=True)
class Tell:
    """Answer with words for the one who asked."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class Defer:
    """Answer that it is being worked on: the budget of time is used up."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Answer a press by drawing its message again, the button marked as used."""

    view: View | None


Reply = Show | Tell | Defer | Mark


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What the platform's request is answered with.

    Attributes:
        told: The reply is in it; ``False``: the adapter's ``tell`` must bring it.
    """

    status: int
    body: bytes = field(default=b"", repr=False)
    content_type: str = "application/json"
    told: bool = True


@dataclass(frozen=True, slots=True)
class ChatLimits:
    """What a platform allows. Lengths count as the platform counts: see each adapter.

    Attributes:
        text: Of a message without picture.
        caption: Of one with a picture.
        id_bytes: Of an action id.
        file_bytes: Of a file, unless the place says otherwise.
        edit_seconds: The least time between two edits of one message for progress.
        answer_seconds: For the answer to an inbound request; 0: no such limit.
        picture_types: What it shows as a picture.
        previews: Whether a picture is shown before the end.
    """

    text: int
    caption: int
    label: int
    buttons_a_row: int
    rows: int
    id_bytes: int
    file_bytes: int
    edit_seconds: float
    group_edit_seconds: float
    answer_seconds: float
    picture_types: tuple[str, ...] = ("image/png", "image/jpeg", "image/webp", "image/gif")
    previews: bool = True
