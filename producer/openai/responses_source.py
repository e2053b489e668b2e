"""What a client of a streamed response hears: what has happened, what happens, and the end."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from producer.api.bodies import encode
from producer.api.live_job import LiveJob, Watcher
from producer.openai.endpoint import Reading
from producer.openai.refusals import refusal_of_error
from producer.openai.responses_events import Event, Story
from producer.openai.responses_items import message_id, output_of
from producer.openai.responses_view import response_view
from producer.openai.stream_chunks import DivergedError
from schemas.errors import GenqError, NotFoundError
from schemas.facade_errors import DrainingError, StreamBrokenError
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.privacy_errors import ContentErasedError


class ResponseSource:
    """Where one client's events come from. See ``producer.api.live_stream.Source``.

    Args:
        watcher: Of the response's job.
        job: As it was read a moment ago, ``face`` and ``aside`` included.
        reading: Where to find what it makes.
        after: The number of the last event that was heard.

    Attributes:
        ended: The client was told how the response ended.
    """

    def __init__(self, watcher: Watcher, job: JobRecord, reading: Reading, after: int) -> None:
        self.rung: asyncio.Event = watcher.rung
        self.over = False
        self.ended = False
        self._watcher = watcher
        self._job = job
        self._reading = reading
        self._after = after
        self._shown = ""
        self._place: Any = None

    async def take(self) -> bytes:
        """Return what the client has not heard yet; an error is the last that it hears."""
        try:
            return await self._take()
        except DivergedError:
            name = self._watcher.job.name
            error: GenqError = StreamBrokenError(
                f"job {name} was tried again after a part of its text was shown, and now says "
                f"something else; its whole text is at GET /v1/jobs/{name}"
            )
        except GenqError as refused:
            error = refused
        self.over = True
        return frame_of(_error_event(error, self._after + 1))

    async def _take(self) -> bytes:
        live = self._watcher.job
        if live.ended is not None:
            return await self._end(live.ended)
        if live.over:
            raise NotFoundError(f"job {live.name} is gone")
        if self._watcher.dismissed:
            raise DrainingError(
                f"this server is about to stop; job {live.name} goes on: come back with"
                f" starting_after={self._after}, or see GET /v1/jobs/{live.name}"
            )
        if live.moves is None:
            return b""
        story = Story(self._after)
        state = live.moves.state
        view = response_view(replace(self._job, state=state), (), self._reading.public_url)
        story.begin(view, started=live.running or bool(live.moves.ended))
        text = self._text(live)
        if text:
            story.write(message_id(self._job), text)
        return self._comment(live) + self._frames(story)

    def _text(self, live: LiveJob) -> str:
        """Return the longest text that could be shown.

        Raises:
            DivergedError: An attempt was repeated, and writes something else.
        """
        told, moves = live.progress, live.moves
        text = self._shown
        if live.running and told is not None and moves and told.fence == moves.fence:
            text = told.text or ""
        if not (text.startswith(self._shown) or self._shown.startswith(text)):
            raise DivergedError
        self._shown = max(self._shown, text, key=len)
        return self._shown

    async def _end(self, job: JobRecord) -> bytes:
        if job.output_erased:
            raise ContentErasedError(f"what {self._watcher.job.name} made is gone")
        whole = job.text or ""
        if job.state is JobState.SUCCEEDED and not whole.startswith(self._shown):
            raise DivergedError
        # What the route knows of a response that nobody else keeps.
        job = replace(job, aside={**self._job.aside, **job.aside})
        frames = await frames_of(job, self._reading, self._after)
        self.over = self.ended = True
        return frames

    def _comment(self, live: LiveJob) -> bytes:
        """Return the place in the queue, where it has changed, as clients pass it over."""
        position = live.position
        if not live.waits or position is None or position.place == self._place:
            return b""
        self._place = position.place
        return queued_comment(position.data)

    def _frames(self, story: Story) -> bytes:
        if story.events:
            self._after = story.events[-1]["sequence_number"]
        return b"".join(frame_of(event) for event in story.events)


def queued_comment(told: Mapping[str, Any]) -> bytes:
    """Return a place in the queue as a comment, such as ``: queued position=3 eta=12``.

    Args:
        told: Of ``schemas.progress.position_of``.
    """
    eta: Mapping[str, float | None] = told.get("eta_seconds") or {}
    seconds = eta.get("high") if eta.get("high") is not None else eta.get("low")
    shown = "" if seconds is None else f" eta={max(1, round(seconds))}"
    return f": queued position={told.get('position')}{shown}\n\n".encode()


async def frames_of(job: JobRecord, reading: Reading, after: int) -> bytes:
    """Return the events of a response that has ended, behind ``after``.

    Raises:
        ObjectStoreError: A picture could not be read.
    """
    view = response_view(job, await output_of(job, reading.store), reading.public_url)
    story = Story(after)
    story.begin(view, started=job.started_at is not None)
    story.end(view)
    return b"".join(frame_of(event) for event in story.events)


def frame_of(event: Event) -> bytes:
    """Return one event as it is sent.

    It has no id: OpenAI's clients would take every comment behind it for an event without
    data, and fail over that.
    """
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), encode(event))


def _error_event(error: GenqError, number: int) -> Event:
    _, body = refusal_of_error(error)
    return {
        "type": "error",
        "code": body["error"]["code"],
        "message": body["error"]["message"],
        "param": body["error"]["param"],
        "sequence_number": number,
    }
