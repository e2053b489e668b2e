"""What a client of a streamed call hears while its job goes its way, and at its end."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from producer.api.live_job import LiveJob, Watcher
from producer.openai.endpoint import Endpoint, Reading
from producer.openai.refusals import refusal_of, refusal_of_error
from producer.openai.stream_chunks import Chunks, DivergedError, data
from schemas.errors import GenqError, NotFoundError
from schemas.facade_errors import DrainingError, StillRunningError, StreamBrokenError
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.privacy_errors import ContentErasedError
from schemas.progress import Place, StoryEvent

# Before the server ends the longest of its streams.
_MARGIN_SECONDS: Final = 5.0


class AnswerSource:
    """One client's stream: comments while its job waits, its text, its end. See ``Source``.

    Args:
        watcher: Of the job.
        chunks: Write the answer.
        endpoint: Which was called.
        asked: The body that asked.
        reading: Where to find what the job made.
        longest: Seconds after which the client is sent away, with or without an end.

    Attributes:
        over: Nothing comes any more.
        ended: The end of the job was told, and no other error.
    """

    def __init__(
        self,
        watcher: Watcher,
        chunks: Chunks,
        endpoint: Endpoint,
        asked: Mapping[str, Any],
        reading: Reading,
        *,
        longest: float,
    ) -> None:
        self.rung = watcher.rung
        self.over = False
        self.ended = False
        self._watcher = watcher
        self._chunks = chunks
        self._endpoint = endpoint
        self._asked = asked
        self._reading = reading
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + longest - _MARGIN_SECONDS
        self._alarm = self._loop.call_at(self._until, self.rung.set)
        self._told = _Told()
        # Words so far are those of the first choice.
        self._shows = asked.get("n") in {None, 1}

    @property
    def job(self) -> LiveJob:
        """What is known of the job."""
        return self._watcher.job

    @property
    def begun(self) -> bool:
        """Whether there are words to show, or nothing more to wait for."""
        told = self.job.progress
        words = told is not None and bool(told.text)
        return words or self.job.over or self._watcher.dismissed

    def close(self) -> None:
        """Ring no more."""
        self._alarm.cancel()

    async def take(self) -> bytes:
        """Return what the client has not heard yet; an error is the last that it hears."""
        try:
            return await self._take()
        except DivergedError:
            return self._failed(
                StreamBrokenError(
                    f"job {self.job.name} was tried again after a part of its text was shown, "
                    "and now says something else; its whole text is at GET /v1/jobs/"
                    f"{self.job.name}"
                )
            )
        except GenqError as error:
            return self._failed(error)

    async def _take(self) -> bytes:
        job = self.job
        if job.ended is not None:
            frames = await self._end(job.ended)
            self.over = self.ended = True
            return frames
        if job.over:
            raise NotFoundError(f"job {job.name} is gone")
        if self._watcher.dismissed:
            raise DrainingError(
                f"this server is about to stop; job {job.name} goes on: see GET /v1/jobs/"
                f"{job.name}"
            )
        if self._loop.time() >= self._until:
            raise StillRunningError(
                f"job {job.name} goes on, but no stream lasts longer: see GET /v1/jobs/"
                f"{job.name}, and cancel it there if nobody wants it any more"
            )
        return self._told.comment_of(job) + self._text()

    def _text(self) -> bytes:
        job = self.job
        told, moves = job.progress, job.moves
        if not job.running or told is None or moves is None or told.fence != moves.fence:
            return b""
        return self._chunks.so_far(told.text) if told.text and self._shows else b""

    async def _end(self, job: JobRecord) -> bytes:
        if job.state is not JobState.SUCCEEDED:
            _, body = refusal_of(job, self._reading.public_url)
            return data(body)
        if job.output_erased:
            shown = format_id("job", job.id)
            raise ContentErasedError(f"what {shown} made is gone: it was erased")
        return self._chunks.rest(
            await self._endpoint.answer_of(job, self._asked, self._reading)
        )

    def _failed(self, error: GenqError) -> bytes:
        self.over = True
        _, body = refusal_of_error(error, public_url=self._reading.public_url)
        return data(body)


class _Told:
    """Knows what a client heard of the queue: comments, which OpenAI's clients pass over."""

    def __init__(self) -> None:
        self._position: Place | None = None
        self._attempt = 0

    def comment_of(self, job: LiveJob) -> bytes:
        moves, position = job.moves, job.position
        if moves is None:
            return b""
        if job.running and moves.attempt != self._attempt:
            self._attempt = moves.attempt
            return b": running attempt=%d\n\n" % moves.attempt
        if job.waits and position is not None and position.place != self._position:
            self._position = position.place
            return _queued(position)
        return b""


def _queued(event: StoryEvent) -> bytes:
    """Return where a job stands, such as ``: queued position=3 eta=12``, in seconds."""
    told = event.data
    eta: Mapping[str, float | None] = told["eta_seconds"] or {}
    seconds = eta.get("high") if eta.get("high") is not None else eta.get("low")
    words = {
        "position": told["position"],
        "eta": None if seconds is None else max(1, round(seconds)),
        "waiting_on": told["waiting_on"] if told["waiting_on"] != "lane" else None,
    }
    shown = "".join(f" {name}={word}" for name, word in words.items() if word is not None)
    return b": queued%b\n\n" % shown.encode()
