"""The routes that follow jobs and events, as the OpenAPI document tells of them."""

from typing import Any, Final

from producer.api.document import JOB_ID, answer, parameter, problems, reference
from producer.api.feed_query import DEFAULT_LIMIT, LARGEST_LIMIT, LONGEST_WAIT_SECONDS
from producer.api.live_stream import MEDIA_TYPE
from producer.api.operations import Operation
from schemas.events import FEED_TYPES
from schemas.live_views import JOB_EVENTS

_ID: Final = "job_01kb0q5v3mf0t8w2c7d4e9g6hj"
_STREAM: Final = f"""retry: 2000

event: queued
id: 0
data: {{"type":"queued","job_id":"{_ID}","at":"2026-11-20T10:00:00.123Z"}}

event: position
id: 0.w140
data: {{"type":"position","job_id":"{_ID}","at":"2026-11-20T10:00:00.263Z","position":3,\
"ahead":2,"estimated":false,"eta_seconds":{{"low":1.5,"high":4.0}},"waiting_on":"lane",\
"waiting_until":null}}

event: started
id: 1.0
data: {{"type":"started","job_id":"{_ID}","at":"2026-11-20T10:00:02.131Z","attempt":1}}

event: progress
id: 1.p1
data: {{"type":"progress","job_id":"{_ID}","at":"2026-11-20T10:00:02.900Z","attempt":1,\
"fraction":0.25,"step":1,"steps":4,"characters":null,"message":null,\
"preview":{{"url":"http://127.0.0.1:8080/v1/jobs/{_ID}/preview?at=1.p1"}}}}

: keep-alive

"""
_FEED: Final = """retry: 2000

event: job.succeeded
id: 81234-evt_01kb0q5v3mf0t8w2c7d4e9g6hn
data: {"id":"evt_01kb0q5v3mf0t8w2c7d4e9g6hn","object":"event","type":"job.succeeded",\
"created_at":1795168802,"timestamp":"2026-11-20T10:00:02.207Z","data":{"object":"job"}}

"""


def _stream(description: str, example: str, schema: dict[str, Any]) -> dict[str, Any]:
    told = answer(description, None, media_type=MEDIA_TYPE)
    told["content"][MEDIA_TYPE] = {
        # Of each event, as long as OpenAPI 3.1 has no words for a stream of them.
        "schema": {
            "type": "object",
            "properties": {
                "event": {"type": "string"},
                "id": {"type": "string"},
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": schema,
                },
            },
        },
        "example": _first_event(example),
        "x-example-stream": example,
    }
    return told


def _first_event(stream: str) -> dict[str, str]:
    lines = stream.split("\n\n")[1].splitlines()
    return dict(line.split(": ", 1) for line in lines)


_LAST_EVENT_ID: Final = (
    parameter("header", "Last-Event-ID", "The id of the last event that was seen."),
    parameter("query", "last_event_id", "The same, for clients that cannot set headers."),
)

WATCH_JOB: Final = Operation(
    name="watch_job",
    path="/v1/jobs/{job_id}/events",
    summary="Follow a job",
    description=(
        "Server-sent events from the job's beginning, or from behind Last-Event-ID, until it "
        "has ended: queued, position, started, progress, retrying, and last the event of its "
        "end, with the job. Every data is JSON with type, job_id and at. A comment comes every "
        "15 s when nothing else does; a stream that breaks off is taken up again by the last "
        "id. A job that has ended is told at once."
    ),
    parameters=[JOB_ID, *_LAST_EVENT_ID],
    answers={
        200: _stream(
            "The events.",
            _STREAM,
            {"oneOf": [reference(event.__name__) for event in JOB_EVENTS]},
        ),
        204: {"description": "The job has ended, and its end was seen: do not come back."},
    }
    | problems(
        _400="Last-Event-ID is not the id of an event of a job.",
        _404="This tenant has no such job.",
    ),
)
SHOW_PREVIEW: Final = Operation(
    name="get_preview",
    path="/v1/jobs/{job_id}/preview",
    summary="Fetch a running job's preview",
    description=(
        "A small picture of what is there so far. Its URL comes with progress events; it is "
        "kept for about a minute, and it was not moderated yet."
    ),
    parameters=[
        JOB_ID,
        parameter("query", "at", "Makes the URL new with each preview; has no other meaning."),
    ],
    answers={200: answer("The picture.", None, media_type="image/jpeg")}
    | problems(_404="No such job, or it has no preview now."),
)
READ_EVENTS: Final = Operation(
    name="list_events",
    path="/v1/events",
    summary="Read the feed of ended jobs and batches",
    description=(
        "Every terminal event of the tenant, oldest first, each once and none left out, "
        "whatever webhooks did. Keep next, and come back with it as after. With wait the "
        "answer is held until there is an event; with Accept: text/event-stream it is a "
        "stream, whose ids are cursors. With type a page may be short, or empty, although "
        "has_more is true."
    ),
    parameters=[
        parameter(
            "query",
            "after",
            "The next of an earlier page, or now; without it, from the oldest that is kept.",
        ),
        parameter(
            "query",
            "limit",
            "How many events.",
            type="integer",
            minimum=1,
            maximum=LARGEST_LIMIT,
            default=DEFAULT_LIMIT,
        ),
        parameter(
            "query",
            "type",
            f"Only these, joined by commas: {', '.join(FEED_TYPES)}.",
            examples=["job.failed,job.expired"],
        ),
        parameter(
            "query",
            "wait",
            "For how many seconds the answer may be held until there is an event.",
            type="integer",
            minimum=0,
            maximum=LONGEST_WAIT_SECONDS,
            default=0,
        ),
        *_LAST_EVENT_ID,
    ],
    answers={
        200: _stream("One page, or the stream.", _FEED, reference("FeedEvent"))
        | {
            "content": {
                "application/json": {"schema": reference("FeedPage")},
                MEDIA_TYPE: {
                    "schema": {"type": "string", "contentSchema": reference("FeedEvent")},
                    "example": _FEED,
                },
            }
        },
    }
    | problems(
        _400="A parameter is wrong.",
        _410="Events behind the cursor are no longer kept.",
    ),
)
