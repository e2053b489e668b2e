"""The same promises of every adapter, each before a faithful small server of its wire.

What a wire cannot do is named in ``CANNOT``, with the reason: there is no other gap.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import aiohttp
import pytest
import structlog
from aiohttp import web

from infra.telemetry.redaction import FieldRedactor
from schemas.errors import (
    GenqError,
    ModelAuthError,
    ModelBadAnswerError,
    ModelRateLimitedError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from tests.fixtures.adapter_scenes import (
    SPEAKS,
    WIRES,
    claim_of,
    pictures_of,
    spoken_claim,
    wire_of,
)
from tests.fixtures.adapter_wires import Wire
from tests.fixtures.cog_scenes import Heard
from tests.fixtures.kiln_package import install_kiln
from tests.fixtures.model_server import (
    API_KEY,
    PATIENCE,
    Answer,
    answers,
    answers_bytes,
    cuts,
    hangs_up,
    png,
)
from tests.fixtures.sounds import tone
from tests.fixtures.until import until

HELD: Final = 50
# Of each of the answers that a server began before it died.
BEGUN: Final = 200_000


async def _endless(request: web.Request) -> web.StreamResponse:
    """Announce more than any answer may be, and keep the caller waiting."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = 10**12
    await response.prepare(request)
    await asyncio.Event().wait()
    return response


Expected = tuple[type[GenqError], timedelta | None]
LATER: Final = {"Retry-After": "2.5"}
SAID: Final = {"error": {"message": f"no such key: {API_KEY}", "code": API_KEY}}
FAULTS: Final[Mapping[str, tuple[Answer, Expected]]] = {
    "limits": (answers({}, 429, LATER), (ModelRateLimitedError, timedelta(seconds=2.5))),
    "overload": (answers({}, 503, LATER), (ModelUnavailableError, timedelta(seconds=2.5))),
    "hangs up": (hangs_up(), (ModelUnavailableError, None)),
    "cut": (cuts(b'{"data": [', announced=1000), (ModelBadAnswerError, None)),
    "cut, unannounced": (cuts(b'{"data": [', announced=None), (ModelBadAnswerError, None)),
    "a page": (answers_bytes(b"<h1>", content_type="text/html"), (ModelBadAnswerError, None)),
    "too large": (_endless, (ModelBadAnswerError, None)),
    "echoes the key": (answers(SAID, 401), (ModelAuthError, None)),
}
ONE_ANSWER: Final = "one call, one answer: it says nothing before it is whole"
NO_SPEECH: Final = "genq runs no speech over it: what of its answers is speech is nowhere said"
CANNOT: Final[Mapping[tuple[str, str], str]] = {
    ("http", "progress"): ONE_ANSWER,
    ("installed", "progress"): "this one's wire: " + ONE_ANSWER,
    ("cog", "speech"): NO_SPEECH,
    ("comfyui", "speech"): NO_SPEECH,
    ("installed", "speech"): "this one paints; another may list speech among its kinds",
}


def wires(sentence: str) -> pytest.MarkDecorator:
    """Every adapter whose wire can do what the sentence is about."""
    return pytest.mark.parametrize(
        "name", [name for name in WIRES if (name, sentence) not in CANNOT]
    )


@pytest.fixture(scope="module", autouse=True)
def kiln(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The distribution that brings the adapter which somebody else wrote."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(install_kiln(tmp_path_factory.mktemp("kiln"))))
        yield


def play(name: str, scene: Callable[[Wire], Awaitable[None]], **more: Any) -> None:
    async def inside() -> None:
        async with asyncio.timeout(PATIENCE), wire_of(name, **more) as wire:
            await scene(wire)

    asyncio.run(inside())


@wires("pictures")
def test_a_job_gets_the_pictures_that_were_made_for_it(name: str) -> None:
    async def scene(wire: Wire) -> None:
        wire.paint(png("red"), png("blue"))
        reply = await wire.provider.generate(claim_of(n=2))
        assert sorted(pictures_of(reply)) == sorted([png("red"), png("blue")])
        assert {(p.width, p.height) for p in reply.pictures} == {(12, 8)}
        assert reply.usage.images == 2
        assert wire.asked() == 1
        assert wire.keys() == [f"Bearer {API_KEY}"]

    play(name, scene)


@wires("faults")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_one_meaning_tells_no_key_and_is_followed_by_a_good_answer(
    name: str, fault: str
) -> None:
    answer, (kind, later) = FAULTS[fault]

    async def scene(wire: Wire) -> None:
        wire.meet(answer)
        with structlog.testing.capture_logs() as lines, pytest.raises(GenqError) as failure:
            await wire.provider.generate(claim_of())
        assert type(failure.value) is kind
        assert failure.value.retry_after == later
        assert "kites" in failure.value.message
        # Also where prompts are logged.
        masked = [FieldRedactor(log_prompts=True)(None, "", line) for line in lines]
        assert API_KEY not in f"{failure.value!r} {failure.value.message} {masked}"
        # Nobody but outcome.decide retries.
        assert wire.asked() == 1
        wire.paint(png())
        assert pictures_of(await wire.provider.generate(claim_of()))

    play(name, scene)


@wires("half a picture")
def test_half_a_picture_is_a_bad_answer(name: str) -> None:
    async def scene(wire: Wire) -> None:
        wire.paint(png(size=(64, 64))[:-20])
        with pytest.raises(ModelBadAnswerError):
            await wire.provider.generate(claim_of())

    play(name, scene)


@wires("cancel")
def test_a_call_that_is_cancelled_twice_is_given_up_once_and_at_once(name: str) -> None:
    async def scene(wire: Wire) -> None:
        wire.hold(1)
        call = asyncio.create_task(wire.provider.generate(claim_of()))
        await until(lambda: wire.holding() == 1, "the server has it")
        call.cancel()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: wire.holding() == 0, "the server is rid of it")
        wire.paint(png())
        assert pictures_of(await wire.provider.generate(claim_of()))

    play(name, scene)


@wires("silence")
def test_a_server_that_is_too_slow_is_given_up(name: str) -> None:
    async def scene(wire: Wire) -> None:
        wire.hold(1)
        with pytest.raises(ModelTimeoutError):
            await wire.provider.generate(claim_of())
        await until(lambda: wire.holding() == 0, "the server is rid of it")

    play(name, scene, silence=0.25)


def responses() -> list[aiohttp.ClientResponse]:
    """Return the answers that are in memory, with what had come of them."""
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, aiohttp.ClientResponse)]


@wires("death")
def test_a_server_that_dies_with_fifty_calls_fails_them_all_and_leaves_nothing(
    name: str,
) -> None:
    async def scene(wire: Wire) -> None:
        wire.hold(HELD, b" " * BEGUN)
        calls = [asyncio.create_task(wire.provider.generate(claim_of())) for _ in range(HELD)]
        await until(lambda: wire.holding() == HELD, "the server has them")
        wire.proxy.refuse()
        wire.proxy.cut()
        ended = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 10)
        assert [e for e in ended if not (isinstance(e, GenqError) and e.retryable)] == []
        calls.clear()
        ended.clear()
        # ComfyUI's line keeps the one that it was opened with.
        await until(lambda: len(responses()) < HELD / 10, "nothing is left of the answers")
        # It is back.
        wire.proxy.accept()
        wire.paint(png())

    play(name, scene)


@wires("progress")
def test_watchers_hear_how_far_it_is(name: str) -> None:
    heard = Heard()

    async def scene(wire: Wire) -> None:
        wire.show_steps()
        await wire.provider.generate(claim_of())

    play(name, scene, news=heard)

    steps = [(told["step"], told["steps"]) for told in heard.told if "step" in told]
    assert steps
    assert all(0 <= step <= all_of_them for step, all_of_them in steps)


SPOKEN: Final = tone()


@wires("speech")
def test_a_job_gets_the_sound_that_was_spoken_for_it(name: str) -> None:
    async def scene(wire: Wire) -> None:
        wire.speak(SPOKEN)
        reply = await wire.provider.generate(spoken_claim())
        assert reply.audio is not None
        assert (reply.audio.data, reply.audio.content_type) == (SPOKEN, "audio/wav")
        assert (reply.pictures, reply.text, wire.asked()) == ((), None, 1)
        assert wire.keys() == [f"Bearer {API_KEY}"]

    play(name, scene, speaks=True)


@wires("speech")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_speech_means_what_it_means_of_pictures(name: str, fault: str) -> None:
    answer, (kind, later) = FAULTS[fault]

    async def scene(wire: Wire) -> None:
        wire.meet(answer)
        with pytest.raises(GenqError) as failure:
            await wire.provider.generate(spoken_claim())
        assert type(failure.value) is kind
        assert failure.value.retry_after == later
        assert API_KEY not in f"{failure.value!r} {failure.value.message}"
        assert wire.asked() == 1
        wire.speak(SPOKEN)
        assert (await wire.provider.generate(spoken_claim())).audio is not None

    play(name, scene, speaks=True)


@wires("speech")
@pytest.mark.parametrize("sound", [SPOKEN[:-20], b"", b"no sound"], ids=len)
def test_what_is_no_sound_or_half_of_one_is_a_bad_answer(name: str, sound: bytes) -> None:
    async def scene(wire: Wire) -> None:
        wire.speak(sound)
        with pytest.raises(ModelBadAnswerError):
            await wire.provider.generate(spoken_claim())

    play(name, scene, speaks=True)


def test_what_a_wire_cannot_do_is_said_of_wires_and_sentences_that_there_are() -> None:
    sentences = {
        "pictures",
        "faults",
        "half a picture",
        "cancel",
        "silence",
        "death",
        "progress",
        "speech",
    }
    assert {name for name in WIRES if (name, "speech") not in CANNOT} == set(SPEAKS)

    assert {name for name, _ in CANNOT} <= set(WIRES)
    assert {sentence for _, sentence in CANNOT} <= sentences
    assert all(CANNOT.values())
