"""One trace shows a job from the request that submitted it to the webhook that told its end."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from infra.broker import Carrier
from infra.settings import Settings
from infra.telemetry.tracing import TRACING
from producer.dispatcher.publish_spans import traced
from producer.dispatcher.turn import take_turn
from schemas.errors import ModelRefusedError
from tests.api.served import IMAGE, serving
from tests.fixtures.deliveries import open_deliveries
from tests.fixtures.harness import Harness
from tests.fixtures.receiver import Receiver
from tests.fixtures.spans import Spans, about, id_of, parent_of

PROMPT: Final = "a heron at dawn"
CALLERS: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLERS_SPAN: Final = "00f067aa0ba902b7"


async def submit(settings: Settings, url: str) -> str:
    body: dict[str, Any] = {
        **IMAGE,
        "input": {"prompt": PROMPT, "seed": 7, "n": 2},
        "webhook": {"url": url},
    }
    caller = {"traceparent": f"00-{CALLERS}-{CALLERS_SPAN}-01"}
    async with serving(settings) as api:
        return (await api.submit(body, caller))["id"]


async def publish(genq: Harness, settings: Settings) -> None:
    async def send(carriers: Sequence[Carrier]) -> None:
        for carrier in carriers:
            genq.sent.extend(carrier.pointers)

    async with serving(settings) as api:
        await take_turn(api.services.engine, genq.settings, traced(send, api.services.engine))


async def deliver(settings: Settings) -> None:
    async with open_deliveries(settings, webhook_timeout=timedelta(seconds=5)) as deliveries:
        await deliveries.deliver()


def play(genq: Harness, settings: Settings) -> dict[str, str]:
    """See a job through; return the headers of its webhook."""
    receiver = Receiver()
    genq.do(receiver.__aenter__())
    try:
        genq.do(submit(settings, receiver.url))
        genq.do(publish(genq, settings))
        genq.work_one()
        genq.do(deliver(settings))
    finally:
        genq.do(receiver.__aexit__())
    (webhook,) = receiver.requests
    return dict(webhook.headers)


def test_a_job_is_one_trace_from_its_request_to_its_webhook(
    genq: Harness, settings: Settings, spans: Spans
) -> None:
    headers = play(genq, settings)

    request = spans.named("POST /v1/jobs")
    published = spans.named("publish genq.fast")
    attempt = spans.named("process genq.fast")
    call = spans.named("generate_content test-image")
    puts = [span for span in spans.all() if span.name == "put object"]
    webhook = spans.named("deliver webhook")

    trace = int(CALLERS, 16)
    assert {id_of(span)[0] for span in spans.all()} == {trace}
    assert parent_of(request) == (trace, int(CALLERS_SPAN, 16))
    for child in (published, attempt, webhook):
        assert parent_of(child) == id_of(request)
    # Hours may lie between them: the link is what tools follow then.
    for late in (attempt, webhook):
        assert [link.context.span_id for link in late.links] == [id_of(request)[1]]
    assert parent_of(call) == id_of(attempt)
    assert len(puts) == 2
    assert {parent_of(put) for put in puts} == {id_of(attempt)}
    assert [span.kind for span in (request, published, attempt, call, webhook)] == [
        SpanKind.SERVER,
        SpanKind.PRODUCER,
        SpanKind.CONSUMER,
        SpanKind.CLIENT,
        SpanKind.CLIENT,
    ]
    # The receiver can go on with the trace.
    assert headers["traceparent"] == f"00-{CALLERS}-{id_of(webhook)[1]:016x}-01"


def test_spans_say_what_was_done_and_hold_no_prompt(
    genq: Harness, settings: Settings, spans: Spans
) -> None:
    play(genq, settings)

    request = about(spans.named("POST /v1/jobs"))
    call = about(spans.named("generate_content test-image"))
    attempt = about(spans.named("process genq.fast"))

    assert request["http.route"] == "/v1/jobs"
    assert request["http.response.status_code"] == 202
    assert 0 <= call.pop("model_latency") <= attempt["response_time"]
    assert call == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "painter",
        "gen_ai.request.model": "test-image",
        "gen_ai.response.model": "test-image",
        "gen_ai.output.type": "image",
        "gen_ai.request.seed": 7,
        "gen_ai.request.choice.count": 2,
        "server.address": "painter.invalid",
        "server.port": 80,
    }
    assert attempt["messaging.destination.name"] == "genq.fast"
    assert attempt["genq.outcome"] == "ok"
    assert attempt["response_time"] >= 0
    assert about(spans.named("deliver webhook"))["http.response.status_code"] == 200
    told = orjson.dumps([_all_of(span) for span in spans.all()]).decode()
    assert "heron" not in told
    assert "/hook" not in told


def test_prompts_are_in_spans_only_where_the_operator_wants_them(
    genq: Harness, spans: Spans
) -> None:
    assert TRACING.tracer is not None
    TRACING.tracer.prompts = True
    genq.submit(PROMPT)
    genq.release()
    genq.work_one()

    call = about(spans.named("generate_content test-image"))
    assert orjson.loads(call["gen_ai.input.messages"]) == {"prompt": PROMPT}


def test_a_failed_attempt_is_a_failed_span_with_its_code(genq: Harness, spans: Spans) -> None:
    genq.provider.failures.append(ModelRefusedError("no"))
    genq.submit()
    genq.release()
    genq.work_one()

    for name in ("process genq.fast", "generate_content test-image"):
        span = spans.named(name)
        assert span.status.status_code is StatusCode.ERROR
        assert about(span)["error.type"] == "model_refused_content"
        assert span.events == ()
    # Nothing submitted it within a span, so its trace begins here.
    assert parent_of(spans.named("process genq.fast")) is None


@pytest.mark.parametrize("given", ["", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_a_broken_traceparent_begins_a_trace_of_its_own(
    genq: Harness, settings: Settings, spans: Spans, given: str
) -> None:
    async def ask() -> None:
        async with serving(settings) as api:
            await api.submit(headers={"traceparent": given})
            assert (await api.http.get("/livez")).status_code == 200

    genq.do(ask())

    assert parent_of(spans.named("POST /v1/jobs")) is None
    assert [span.name for span in spans.all()] == ["POST /v1/jobs"]


def test_without_traces_nothing_is_stored_and_nothing_is_sent(
    genq: Harness, settings: Settings
) -> None:
    headers = play(genq, settings)

    assert "traceparent" not in headers
    stored = {row.key for row in genq.sql("SELECT jsonb_object_keys(body) AS key FROM payload")}
    assert stored == {"sealed", "webhook"}


def _all_of(span: ReadableSpan) -> dict[str, str]:
    return {"name": span.name, **{name: str(value) for name, value in about(span).items()}}
