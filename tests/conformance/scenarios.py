"""What OpenAI's clients promise their users, one scenario each; told to both of them."""

import base64
import json
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

import httpx2
import pytest
from openai import (
    APIStatusError,
    BadRequestError,
    NotFoundError,
    UnprocessableEntityError,
)

from tests.conformance.real import Real
from tests.conformance.servers import SLOW

CHAT: Final[dict[str, Any]] = {
    "model": "gpt-5.5",
    "messages": [{"role": "user", "content": "Say this is a test"}],
}
ASKED: Final[dict[str, Any]] = {"model": "gpt-5.5", "input": "Say this is a test"}


def models(real: Real) -> None:
    names = [model.id for model in real.each(lambda c: c.models.list())]
    assert "gpt-5.5" in names
    assert real(lambda c: c.models.retrieve("gpt-image-1")).object == "model"
    with pytest.raises(NotFoundError) as unknown:
        real(lambda c: c.models.retrieve("gpt-0"))
    assert unknown.value.code == "model_not_found"


def chat(real: Real) -> None:
    told = real(lambda c: c.chat.completions.create(**CHAT))
    assert told.choices[0].message.content
    assert told.usage.total_tokens > 0
    assert told.model_extra["genq"]["status"] == "succeeded"
    chunks = real.each(
        lambda c: c.chat.completions.create(
            **CHAT, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == told.choices[0].message.content
    assert chunks[-1].usage.total_tokens == told.usage.total_tokens
    done = real(lambda c: c.completions.create(model="gpt-3.5-turbo-instruct", prompt="Hi"))
    assert done.choices[0].text


def attached(real: Real) -> None:
    """Hold, 408, attach: the unmodified client has its answer, generated once."""
    words = f"{SLOW.decode()} Kite number {uuid4().int % 10**9}."
    told = real(
        lambda c: c.chat.completions.create(
            model="gpt-5.5", messages=[{"role": "user", "content": words}]
        ),
        timeout=2.0,
    )
    assert told.choices[0].message.content
    reached = [body for body in real.genq.outside.slow if words.encode() in body]
    assert len(reached) == 1


def vectors(real: Real) -> None:
    def create(**more: Any) -> Any:
        return real(
            lambda c: c.embeddings.create(
                model="text-embedding-3-small", input=["one", "two"], **more
            )
        )

    # The client asks for base64 where its user says nothing, and reads it.
    packed, plain = create(), create(encoding_format="float")
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    assert packed.usage.total_tokens > 0


def speech(real: Real) -> None:
    asked: dict[str, Any] = {"model": "gpt-4o-mini-tts", "voice": "coral", "input": "A kite."}
    told = real(lambda c: c.audio.speech.create(**asked, instructions="Speak cheerfully."))
    assert told.response.headers["content-type"] == "audio/mpeg"
    # MPEG-2 layer III.
    assert told.content.startswith(b"\xff\xf3")
    samples = real(lambda c: c.audio.speech.create(**asked, response_format="wav"))
    assert samples.content[8:12] == b"WAVE"


def pictures(real: Real) -> None:
    made = real(
        lambda c: c.images.generate(model="gpt-image-1", prompt="a red kite", size="64x64")
    )
    [picture] = made.data
    data = base64.b64decode(picture.b64_json)
    assert data.startswith(b"\x89PNG")
    # The link works for whoever has it.
    assert httpx2.get(picture.url, follow_redirects=True).content == data
    changed = real(
        lambda c: c.images.edit(
            model="gpt-image-1-mini", image=("kite.png", data, "image/png"), prompt="blue"
        )
    )
    assert base64.b64decode(changed.data[0].b64_json).startswith(b"\x89PNG")


def moderation(real: Real) -> None:
    told = real(lambda c: c.moderations.create(input="a red kite"))
    assert told.results[0].flagged is False
    assert told.results[0].category_scores.violence < 0.5


def files(real: Real) -> None:
    content = b'{"a": 1}\n'
    made = real(
        lambda c: c.files.create(
            file=("a.jsonl", content),
            purpose="user_data",
            expires_after={"anchor": "created_at", "seconds": 3600},
        )
    )
    assert (made.filename, made.bytes, made.object) == ("a.jsonl", len(content), "file")
    assert made.expires_at == made.created_at + 3600
    assert real(lambda c: c.files.wait_for_processing(made.id)).status == "processed"
    listed = real.each(lambda c: c.files.list(purpose="user_data", limit=1))
    assert made.id in [file.id for file in listed]
    assert real(lambda c: c.files.content(made.id)).content == content
    assert real(lambda c: c.files.delete(made.id)).deleted
    with pytest.raises(NotFoundError):
        real(lambda c: c.files.retrieve(made.id))


def responses(real: Real) -> None:
    told = real(lambda c: c.responses.create(**ASKED, instructions="Be short"))
    assert (told.status, told.background) == ("completed", False)
    assert told.output_text
    events = real.each(lambda c: c.responses.create(**ASKED, stream=True))
    assert [events[0].type, events[-1].type] == ["response.created", "response.completed"]
    assert events[-1].response.output_text == "".join(
        e.delta for e in events if e.type == "response.output_text.delta"
    )
    with pytest.raises(BadRequestError) as refused:
        real(lambda c: c.responses.create(**ASKED, previous_response_id="resp_1"))
    assert refused.value.code == "unsupported_parameter"
    assert refused.value.param == "previous_response_id"


def background(real: Real) -> None:
    made = real(lambda c: c.responses.create(**ASKED, background=True))
    assert made.status in {"queued", "in_progress", "completed"}
    done = real.until(lambda c: c.responses.retrieve(made.id), ("completed",))
    assert done.output_text
    whole = real.each(lambda c: c.responses.retrieve(made.id, stream=True))
    cut = whole[3].sequence_number
    rest = real.each(lambda c: c.responses.retrieve(made.id, stream=True, starting_after=cut))
    assert rest == whole[4:]
    slow = real(
        lambda c: c.responses.create(
            model="gpt-5.5",
            input=f"{SLOW.decode()} Kite number {uuid4().int % 10**9}.",
            background=True,
        )
    )
    assert real(lambda c: c.responses.cancel(slow.id)).status == "cancelled"
    assert real(lambda c: c.responses.cancel(slow.id)).status == "cancelled"
    real(lambda c: c.responses.delete(made.id))
    with pytest.raises(NotFoundError):
        real(lambda c: c.responses.retrieve(made.id))


def idempotency(real: Real) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first, second = (
        real(lambda c: c.chat.completions.create(**CHAT, extra_headers=key)) for _ in range(2)
    )
    assert first.id == second.id
    with pytest.raises(UnprocessableEntityError) as clash:
        real(
            lambda c: c.chat.completions.create(**{**CHAT, "temperature": 1}, extra_headers=key)
        )
    assert clash.value.code == "idempotency_key_reused"


def faults(real: Real) -> None:
    with pytest.raises(BadRequestError) as wrong:
        real(lambda c: c.chat.completions.create(**CHAT, temperature=9))
    assert wrong.value.param == "temperature"
    with pytest.raises(APIStatusError) as unknown:
        real(lambda c: c.chat.completions.create(**{**CHAT, "model": "gpt-0"}))
    assert (unknown.value.status_code, unknown.value.code) == (404, "model_not_found")
    with pytest.raises(APIStatusError) as stranger:
        real(lambda c: c.models.list(), api_key="sk-nobody")
    assert (stranger.value.status_code, stranger.value.code) == (401, "invalid_api_key")


def webhooks(real: Real) -> None:
    url = real.genq.outside.hook_url
    types = ["response.completed", "batch.completed"]
    made = real(lambda c: c.webhooks.create(name=str(uuid4()), url=url, event_types=types))
    first = made.signing_secret
    tried = real(lambda c: c.webhooks.test(made.id, event_type="batch.completed"))
    assert tried.success
    rotated = real(
        lambda c: c.webhooks.rotate_secret(made.id, keep_old_secret_active_for_24_hours=True)
    )
    asked = real(lambda c: c.responses.create(**ASKED, background=True))
    headers, body = real.genq.event("response.completed", asked.id)
    for secret in (first, rotated.signing_secret):
        event = real.client.webhooks.unwrap(body, headers, secret=secret)
        assert type(event).__name__ == "ResponseCompletedWebhookEvent"
        assert event.data.id == asked.id
    listed = real.each(lambda c: c.webhooks.list(limit=1))
    assert made.id in [endpoint.id for endpoint in listed]
    assert json.loads(body)["data"] == {"id": asked.id}
    assert real(lambda c: c.webhooks.delete(made.id)).deleted


def told_of(real: Real) -> dict[str, Any]:
    """Return a delivered webhook of a response that ended, and what verifies it."""
    url, types = real.genq.outside.hook_url, ["response.completed"]
    made = real(lambda c: c.webhooks.create(name=str(uuid4()), url=url, event_types=types))
    asked = real(lambda c: c.responses.create(**ASKED, background=True))
    headers, body = real.genq.event("response.completed", asked.id)
    real(lambda c: c.webhooks.delete(made.id))
    told = {"secret": made.signing_secret, "headers": headers, "body": body.decode()}
    return {**told, "id": asked.id}


SCENARIOS: Final[tuple[Callable[[Real], None], ...]] = (
    models,
    chat,
    attached,
    vectors,
    speech,
    pictures,
    moderation,
    files,
    responses,
    background,
    idempotency,
    faults,
)
ALONE: Final[tuple[Callable[[Real], None], ...]] = (webhooks,)
"""Two at a time would see each other's events."""
