"""Jobs as the SDK hands them out: frozen, typed, deaf to fields that a newer server adds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from genq.errors import JobBlockedError, JobFailedError

FINAL_STATUSES: Final = ("succeeded", "failed", "cancelled", "expired", "blocked")
STATUSES: Final = ("queued", "running", *FINAL_STATUSES)
KINDS: Final = ("image", "chat")
LANES: Final = ("turbo", "fast", "relax", "batch")

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Artifact:
    """One output; ``sha256`` is in hex, ``bytes`` is the size."""

    index: int
    url: str
    content_type: str
    bytes: int
    sha256: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """What a job made: files, and words for kinds that answer in words."""

    artifacts: tuple[Artifact, ...] = ()
    text: str | None = None


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed; ``error_id`` names the fault in the server's log."""

    code: str
    message: str
    category: str
    severity: str
    retryable: bool
    error_id: str


@dataclass(frozen=True, slots=True)
class Urls:
    """Where to go next; ``None`` where the server has no such route."""

    get: str | None = None
    cancel: str | None = None
    events: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job. Times are aware UTC.

    ``kind``, ``status`` and ``lane`` are plain text, so that a value that a newer server
    introduces does not break an older client. ``raw`` is the answer as it came.
    """

    id: str
    kind: str
    model: str
    status: str
    lane: str
    priority: int
    created_at: datetime
    waiting_on: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    input: Json = field(default_factory=dict[str, object])
    output: Output | None = None
    error: JobError | None = None
    attempts: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    end_user: str | None = None
    urls: Urls = field(default_factory=Urls)
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)

    @property
    def done(self) -> bool:
        """Whether the job has ended, in whatever way."""
        return self.finished_at is not None or self.status in FINAL_STATUSES

    @property
    def succeeded(self) -> bool:
        """Whether the job ended with a result."""
        return self.status == "succeeded"

    def require_success(self) -> Output:
        """Return the output.

        Raises:
            JobBlockedError: A safety rule refused the job.
            JobFailedError: The job ended in another way, or has not ended.
        """
        if self.succeeded:
            return self.output or Output()
        kind = JobBlockedError if self.status == "blocked" else JobFailedError
        code, reason = (self.error.code, self.error.message) if self.error else (None, None)
        raise kind(self.id, self.status if self.done else f"is {self.status}", code, reason)


@dataclass(frozen=True, slots=True)
class Slice:
    """One page of a list as it came: newest first."""

    jobs: tuple[Job, ...]
    has_more: bool
