"""Live progress through Valkey: from the worker that runs a job to the APIs that watch it.

An API says which jobs are watched there (``WATCHED``, again every few seconds); workers keep
that in memory and send news of those jobs to that API's own channel. A job that nobody watches
costs no message. The last progress of a watched job is kept for a minute, for latecomers.
Everything here may vanish at any instant: PostgreSQL knows what happened.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

import orjson
import structlog

from infra.valkey import VALKEY_FAILURES, close_valkey, open_valkey
from schemas.errors import ValkeyUnavailableError
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.progress import Progress

# "<channel> <job> <job>…": news of these jobs shall go to that channel. With a "+" before it,
# the words of a text so far as well.
WATCHED: Final = "genq:watched"
_NEWS: Final = "genq:live:"
_WORDS: Final = "+"
_PROGRESS: Final = "genq:progress:"
_PREVIEW: Final = "genq:preview:"
KEPT_SECONDS: Final = 60
MAX_PREVIEW_BYTES: Final = 64 * 1024
MAX_TEXT_CHARACTERS: Final = 32 * 1024
"""A longer text is told so far, and the rest of it with the job's end."""

_TIMEOUT_SECONDS: Final = 2.0
_KNOWN: Final = frozenset(field.name for field in fields(Progress))

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class News:
    """That something happened to a job: its progress, or a move that the ledger knows.

    Attributes:
        channels: Of the APIs where it is watched.
        preview: A small picture that goes with ``progress``.
        keep_words: Who shows it looks for itself, for the words so far as well.
    """

    job_id: UUID
    channels: tuple[str, ...]
    progress: Progress | None = None
    preview: bytes | None = None
    keep_words: bool = False

    def encode(self) -> bytes:
        """Return the message."""
        job = format_id("job", self.job_id).encode()
        return job if self.progress is None else b"%b %b" % (job, _dump(self.progress))


def news_channel(instance: str) -> str:
    """Return the channel of one API process."""
    return _NEWS + instance


def decode_news(message: str) -> tuple[UUID, Progress | None] | None:
    """Return what ``News.encode`` wrote; ``None`` if it did not write this."""
    job, _, progress = message.partition(" ")
    try:
        return parse_id("job", job), _load(progress) if progress else None
    except (InvalidIdError, ValueError, TypeError):
        return None


class Watched(NamedTuple):
    """What an API asks for: news of jobs, and the words of their texts if it wants them."""

    channel: str
    jobs: Sequence[UUID]
    words: bool = False


def encode_watched(channel: str, jobs: Sequence[UUID], *, words: bool = False) -> str:
    """Return the message that asks for news of jobs.

    Args:
        channel: Where they shall go.
        jobs: Which.
        words: Whether ``Progress.text`` is wanted.
    """
    asks = _WORDS + channel if words else channel
    return " ".join([asks, *(format_id("job", job) for job in jobs)])


def decode_watched(message: str) -> Watched | None:
    """Return what ``encode_watched`` wrote; ``None`` if it did not write this."""
    channel, *jobs = message.split(" ")
    words = channel.startswith(_WORDS)
    channel = channel.removeprefix(_WORDS)
    if not channel.startswith(_NEWS):
        return None
    try:
        return Watched(channel, [parse_id("job", job) for job in jobs], words)
    except InvalidIdError:
        return None


class ProgressLine:
    """One process's way to the progress in Valkey. Connects when first used."""

    def __init__(self, url: str) -> None:
        self._redis: Any = open_valkey(
            url,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            socket_keepalive=True,
        )

    async def close(self) -> None:
        """Close every connection."""
        await close_valkey(self._redis)

    async def send(self, news: Sequence[News]) -> None:
        """Send in one round trip; if Valkey is away, the ledger must do."""
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for item in news:
                    self._add(pipeline, item)
                await pipeline.execute()
        except VALKEY_FAILURES as error:
            _log.warning("progress_not_sent", error_type=type(error).__name__)

    async def progress_of(self, jobs: Sequence[UUID]) -> dict[UUID, Progress]:
        """Return the last progress of those jobs of which it is still kept.

        None if Valkey is away.
        """
        names = [_PROGRESS + str(job_id) for job_id in jobs]
        try:
            kept: list[bytes | None] = await self._redis.mget(names) if names else []
            found = zip(jobs, kept, strict=True)
            return {job_id: _load(text) for job_id, text in found if text}
        except (*VALKEY_FAILURES, ValueError, TypeError):
            return {}

    async def preview_of(self, job_id: UUID) -> bytes | None:
        """Return the last preview of a job that is still kept.

        Raises:
            ValkeyUnavailableError: Nobody knows.
        """
        try:
            return await self._redis.get(_PREVIEW + str(job_id))
        except VALKEY_FAILURES as error:
            raise ValkeyUnavailableError(f"Valkey: {type(error).__name__}") from error

    def _add(self, pipeline: Any, item: News) -> None:
        # The picture is there before anybody hears of it.
        if item.preview is not None and len(item.preview) <= MAX_PREVIEW_BYTES:
            pipeline.set(_PREVIEW + str(item.job_id), item.preview, ex=KEPT_SECONDS)
        if item.progress is not None:
            # Words are for those who listen now; they are not left lying about.
            kept = item.progress if item.keep_words else replace(item.progress, text=None)
            pipeline.set(_PROGRESS + str(item.job_id), _dump(kept), ex=KEPT_SECONDS)
        for channel in item.channels:
            pipeline.publish(channel, item.encode())


def _dump(progress: Progress) -> bytes:
    return orjson.dumps({k: v for k, v in asdict(progress).items() if v is not None})


def _load(text: str | bytes) -> Progress:
    told: Any = orjson.loads(text)
    if not isinstance(told, dict):
        raise TypeError("no progress")
    known = cast("dict[str, Any]", told)
    # A newer worker may say more.
    return Progress(**{name: value for name, value in known.items() if name in _KNOWN})
