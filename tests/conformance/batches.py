"""Batches as OpenAI's clients see them, to every end that there is."""

import json
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from schemas.ids import parse_id
from tests.conformance.real import Real
from tests.conformance.servers import SLOW

ENDED: Final = ("completed", "failed", "expired", "cancelled")
CHAT: Final = "/v1/chat/completions"


def line(custom_id: str, words: str = "x", **more: Any) -> dict[str, Any]:
    """Return a line of an input file: a chat."""
    asked = {"model": "gpt-5.5", "messages": [{"role": "user", "content": words}], **more}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": asked}


def submitted(real: Real, lines: Sequence[Any], url: str = CHAT, **more: Any) -> Any:
    """Upload lines and make a batch of them."""
    written = [one if isinstance(one, str) else json.dumps(one) for one in lines]
    content = "\n".join(written).encode()
    file = real(lambda c: c.files.create(file=("in.jsonl", content), purpose="batch"))
    return real(
        lambda c: c.batches.create(
            input_file_id=file.id, endpoint=url, completion_window="24h", **more
        )
    )


def ended(real: Real, batch: Any) -> Any:
    """Return a batch as it ended."""
    return real.until(lambda c: c.batches.retrieve(batch.id), ENDED)


def lines_of(real: Real, file_id: str) -> list[dict[str, Any]]:
    """Return the lines of a file."""
    text: str = real(lambda c: c.files.content(file_id)).text
    return [json.loads(one) for one in text.splitlines()]


def batch(real: Real) -> None:
    wanted = [line(f"line-{n}") for n in range(5)]
    made = submitted(real, wanted, metadata={"a": "b"}, extra_body={"genq": {"lane": "relax"}})
    assert (made.status, made.object, made.metadata) == ("validating", "batch", {"a": "b"})
    done = ended(real, made)
    assert (done.status, done.error_file_id, done.errors) == ("completed", None, None)
    counts = done.request_counts
    assert (counts.total, counts.completed, counts.failed) == (5, 5, 0)
    assert done.created_at <= done.in_progress_at <= done.finalizing_at <= done.completed_at
    assert done.usage.total_tokens > 0
    assert done.model_extra["genq"]["lane"] == "relax"
    told = lines_of(real, done.output_file_id)
    assert [one["custom_id"] for one in told] == [one["custom_id"] for one in wanted]
    for one in told:
        assert (one["id"].startswith("batch_req_"), one["error"]) == (True, None)
        assert one["response"]["status_code"] == 200
        assert one["response"]["request_id"]
        assert one["response"]["body"]["choices"][0]["message"]["content"]
    assert done.id in [one.id for one in real.each(lambda c: c.batches.list(limit=1))]


def batch_of_every_endpoint(real: Real) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "/v1/embeddings": {"model": "text-embedding-3-small", "input": "x"},
        "/v1/responses": {"model": "gpt-5.5", "input": "x"},
        "/v1/moderations": {"input": "x"},
        "/v1/completions": {"model": "gpt-3.5-turbo-instruct", "prompt": "x"},
        "/v1/images/generations": {"model": "gpt-image-1", "prompt": "x", "size": "64x64"},
    }
    made = {
        url: submitted(real, [{**line("a"), "url": url, "body": body}], url)
        for url, body in bodies.items()
    }
    for url, one in made.items():
        done = ended(real, one)
        assert (done.status, done.request_counts.completed) == ("completed", 1), (url, done)
        [told] = lines_of(real, done.output_file_id)
        assert told["response"]["status_code"] == 200, (url, told)


def batch_with_a_broken_file(real: Real) -> None:
    done = ended(real, submitted(real, [line("a"), "{", line("a")]))
    assert (done.status, done.output_file_id, done.error_file_id) == ("failed", None, None)
    faults = {(fault.line, fault.code) for fault in done.errors.data}
    assert {(2, "invalid_json_line"), (3, "duplicate_custom_id")} <= faults


def batch_whose_lines_all_fail(real: Real) -> None:
    done = ended(real, submitted(real, [line("a", temperature=9)]))
    assert (done.status, done.output_file_id) == ("completed", None)
    assert (done.request_counts.completed, done.request_counts.failed) == (0, 1)
    [told] = lines_of(real, done.error_file_id)
    assert (told["custom_id"], told["response"]["status_code"]) == ("a", 400)
    assert told["response"]["body"]["error"]["param"] == "temperature"


def _long(real: Real) -> Any:
    wanted = [line("quick"), *(line(f"slow-{n}", SLOW.decode()) for n in range(40))]
    one = {"genq": {"max_parallel": 1}}
    made = submitted(real, wanted, extra_body=one)
    return real.until(lambda c: c.batches.retrieve(made.id), ("in_progress", *ENDED))


def batch_that_is_cancelled(real: Real) -> None:
    made = _long(real)
    assert real(lambda c: c.batches.cancel(made.id)).status in {"cancelling", "cancelled"}
    done = ended(real, made)
    assert done.status == "cancelled"
    assert done.cancelling_at <= done.cancelled_at
    codes = {
        one["error"]["code"]
        for one in lines_of(real, done.error_file_id)
        if one["error"] is not None
    }
    assert codes == {"batch_cancelled"}


def batch_that_expires(real: Real) -> None:
    made = _long(real)
    url = real.genq.up.state().environment["GENQ_DATABASE_URL"]
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
        key = parse_id("batch", made.id)
        connection.execute("UPDATE batch SET expires_at = now() WHERE id = %s", (key,))
        connection.execute("UPDATE live SET deadline = now() WHERE batch_id = %s", (key,))
    done = ended(real, made)
    assert (done.status, bool(done.expired_at)) == ("expired", True)
    lines = lines_of(real, done.error_file_id)
    assert {one["error"]["code"] for one in lines} == {"batch_expired"}
    assert "completion window expired" in lines[0]["error"]["message"]


BATCHES: Final = (
    batch,
    batch_of_every_endpoint,
    batch_with_a_broken_file,
    batch_whose_lines_all_fail,
    batch_that_is_cancelled,
    batch_that_expires,
)
