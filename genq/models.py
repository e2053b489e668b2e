"""Jobs as the SDK hands them out: frozen, typed, deaf to fields that a newer server adds."""

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from genq.cache_models import JobCache
from genq.cost_models import JobCost, JobUsage
from genq.errors import JobBlockedError, JobFailedError
from genq.safety_models import Safety
from genq.tree_models import Lineage

FINAL_STATUSES: Final = ("succeeded", "failed", "cancelled", "expired", "blocked")
STATUSES: Final = ("queued", "running", *FINAL_STATUSES)
KINDS: Final = ("image", "chat", "embedding", "completion", "image_edit", "speech")
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
    """What a job made: files, words for kinds that answer in words, vectors.

    ``texts`` are all that it wrote, if there are several; ``text`` is the first of them. Each
    of ``embeddings`` is float32, lowest byte first, in base64; ``vectors`` are their numbers.
    Both are there where the one job is read, and not in lists. ``ai_generated`` is what the
    server says of all of it: a model made it. ``seed`` is the one that pictures were made with,
    as far as it is known; ``upscaled_by`` is ``lanczos`` or the model that enlarged one.
    """

    artifacts: tuple[Artifact, ...] = ()
    text: str | None = None
    ai_generated: bool = True
    texts: tuple[str, ...] = ()
    embeddings: tuple[str, ...] = field(default=(), repr=False)
    seed: int | None = None
    upscaled_by: str | None = None

    @property
    def vectors(self) -> list[list[float]]:
        """The numbers of ``embeddings``, in the order of the inputs."""
        return [_numbers(one) for one in self.embeddings]


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
    manifest: str | None = None


@dataclass(frozen=True, slots=True)
class Eta:
    """Seconds until a job starts; ``high`` is ``None`` where that has no known end."""

    low: float
    high: float | None = None


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """A queued job's place; ``position`` 1 is next in its lane. ``None`` is not known."""

    position: int | None = None
    ahead_in_flow: int | None = None
    ahead_in_lane: int | None = None
    estimated: bool = False
    eta_seconds: Eta | None = None
    waiting_until: datetime | None = None


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
    queue: QueuePlace | None = None
    run_at: datetime | None = None
    deadline: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    input: Json = field(default_factory=dict[str, object])
    output: Output | None = None
    error: JobError | None = None
    attempts: int = 0
    usage: JobUsage | None = None
    cost: JobCost | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: tuple[str, ...] = ()
    end_user: str | None = None
    retry_of: str | None = None
    prompt_as_typed: str | None = None
    lineage: Lineage | None = None
    cache: JobCache | None = None
    safety: Safety | None = None
    content: str = "kept"
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
        status = self.status if self.done else f"is {self.status}"
        raise kind(self.id, status, code, reason, job=self)


@dataclass(frozen=True, slots=True)
class CancelReport:
    """What came of cancelling many jobs.

    Attributes:
        matched: Unfinished jobs that were meant.
        cancelled: Of these, jobs that waited: they have ended.
        cancelling: Of these, jobs that run: their workers were told.
        dry_run: Nothing was cancelled, only counted.
    """

    matched: int
    cancelled: int
    cancelling: int
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Slice:
    """One page of a list as it came, newest first; ``next`` is where the next one begins."""

    jobs: tuple[Job, ...]
    has_more: bool
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Death:
    """One attempt of a dead job; ``outcome`` such as ``error``, ``timeout`` or ``lost``."""

    number: int
    outcome: str
    ended_at: datetime
    started_at: datetime | None = None
    error: JobError | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A job that used up its attempts.

    ``redriven_by`` is the job that was sent in its place, ``redrive_of`` the dead job that it
    was to replace itself. ``input``, ``webhook`` and ``history`` come with ``get`` alone.
    """

    id: str
    kind: str
    model: str
    lane: str
    priority: int
    attempts: int
    created_at: datetime
    died_at: datetime
    error: JobError | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    end_user: str | None = None
    redrive_of: str | None = None
    redriven_by: str | None = None
    input: Json = field(default_factory=dict[str, object])
    webhook: Json | None = None
    history: tuple[Death, ...] = ()
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class DeadLetterGroup:
    """Dead letters of one cause; ``sample`` has the ids of the newest."""

    code: str
    model: str
    kind: str
    count: int
    first_at: datetime
    last_at: datetime
    message: str
    sample: tuple[str, ...]
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Redrive:
    """What a redrive did: ``jobs`` pairs each dead job with the one that takes its place.

    ``matching`` fitted, ``redriven`` were sent again by this call, ``already`` had been. If
    ``has_more``, the same call with this ``submitted_before`` goes on.
    """

    dry_run: bool
    matching: int
    redriven: int
    already: int
    has_more: bool
    submitted_before: str
    jobs: tuple[tuple[str, str | None], ...]
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


def _numbers(packed: str) -> list[float]:
    data = base64.b64decode(packed)
    return list(struct.unpack(f"<{len(data) // 4}f", data))
