"""A stream goes on through every break, until its end or until there is no hope."""

import json

import pytest

from genq.calls import Answer, Call, More, Step
from genq.errors import (
    NotFoundError,
    RateLimitedError,
    ServerUnreachableError,
    UnexpectedAnswerError,
)
from genq.event_models import read_feed_event, read_job_event
from genq.exchanges import feed_source, job_source
from genq.listening import BREAKS, Listener
from genq.sse import SentEvent
from tests.fixtures.exchange_player import (
    CLOSED,
    ENDED,
    SILENT,
    Player,
    Server,
    chunk,
    refuses,
    scripted,
    stream,
    told,
)
from tests.fixtures.sample_job import JOB

BROKEN = ServerUnreachableError("http://x", "reset")


def heard(listener: Listener, server: Server) -> tuple[list[str], Player]:
    player = Player(server)
    events: list[str] = []
    while (found := player.run(listener.follow())) is not None:
        events += [event.id for event in found]
    return events, player


def test_every_event_comes_once_through_every_break() -> None:
    listener = Listener(job_source("job_01"))

    events, player = heard(
        listener,
        scripted(
            *(BROKEN, stream(), chunk(told("queued", "0")), CLOSED),
            *(stream(), SILENT, chunk(told("started", "1.0"), told("progress", "1.p1"))),
            *(BROKEN, refuses(503, code="shutting_down"), stream(), chunk(ENDED)),
        ),
    )

    assert events == ["0", "1.0", "1.p1", "end"]
    asked = [call.headers.get("last-event-id") for call in player.calls]
    assert asked == [None, None, "0", "1.p1", "1.p1"]
    assert player.calls[0].headers["accept"] == "text/event-stream"
    assert [call.after > 0 for call in player.calls] == [False, True, True, True, True]


def test_what_comes_behind_the_end_is_not_told() -> None:
    events, _ = heard(
        Listener(job_source("job_01"), "1.0"),
        scripted(stream(), chunk(ENDED, told("progress", "2.p1"))),
    )

    assert events == ["end"]


def test_an_end_that_was_heard_is_the_end() -> None:
    events, _ = heard(Listener(job_source("job_01"), "end"), scripted(Answer(204, {}, b"")))

    assert events == []


def test_the_servers_own_pause_is_kept() -> None:
    _, player = heard(
        Listener(job_source("job_01")),
        scripted(stream(), Answer(200, {}, b"retry: 2000\n\n"), CLOSED, stream(), chunk(ENDED)),
    )

    assert player.calls[1].after == 2.0


def test_a_server_that_asks_for_patience_gets_it() -> None:
    later = refuses(429, {"retry-after": "30"}, code="rate_limited")
    _, player = heard(Listener(job_source("job_01")), scripted(later, stream(), chunk(ENDED)))
    assert player.calls[1].after == 30

    much_later = refuses(429, {"retry-after": "3600"}, code="rate_limited")
    with pytest.raises(RateLimitedError):
        heard(Listener(job_source("job_01")), scripted(much_later))


def test_a_refusal_is_the_callers() -> None:
    with pytest.raises(NotFoundError):
        heard(Listener(job_source("job_01")), scripted(refuses(404, code="not_found")))
    page = Answer(200, {"content-type": "text/html"}, b"")
    with pytest.raises(UnexpectedAnswerError, match="not text/html"):
        heard(Listener(job_source("job_01")), scripted(page))


@pytest.mark.parametrize("end", [BROKEN, CLOSED])
def test_a_stream_that_breaks_at_once_too_often_is_given_up(end: Answer | Exception) -> None:
    def server(step: Step) -> Answer:
        if isinstance(step, Call):
            return stream()
        assert isinstance(step, More)
        return scripted(end)(step)

    with pytest.raises((ServerUnreachableError, UnexpectedAnswerError)):
        heard(Listener(job_source("job_01")), server)


def test_a_stream_that_lives_may_break_for_ever() -> None:
    lives = [item for _ in range(3 * BREAKS) for item in (stream(), SILENT, BROKEN)]

    events, _ = heard(Listener(job_source("job_01")), scripted(*lives, stream(), chunk(ENDED)))

    assert events == ["end"]


def test_the_feed_is_followed_by_its_cursors() -> None:
    source = feed_source("81-evt_1", ["job.failed", "job.expired"])
    body = {"id": "evt_2", "type": "job.lost", "timestamp": JOB["created_at"], "data": JOB}

    event = read_feed_event(SentEvent("job.lost", json.dumps(body), "82-evt_2"))

    assert source.query == {"after": "81-evt_1", "type": "job.failed,job.expired"}
    assert (event.id, event.type, event.cursor) == ("evt_2", "job.lost", "82-evt_2")
    assert event.job is not None
    assert event.job.succeeded


def test_an_event_whose_content_was_erased_goes_by_in_the_feed() -> None:
    left = {"id": "evt_2", "object": "event", "type": "job.failed", "erased": True}

    event = read_feed_event(SentEvent("job.failed", json.dumps(left), "82-evt_2"))

    assert (event.id, event.type, event.cursor) == ("evt_2", "job.failed", "82-evt_2")
    assert (event.erased, event.at, event.job) == (True, None, None)


def test_events_of_a_newer_server_are_taken_as_they_come() -> None:
    kind, event_id, data = told("levitated", "3.x1", height=7, fraction="much")

    event = read_job_event(SentEvent(kind, json.dumps(data), event_id))

    assert (event.type, event.id, event.fraction, event.is_last) == (
        "levitated",
        "3.x1",
        None,
        False,
    )
    assert event.raw["height"] == 7
