"""Speech: genq's provider against the simulator, and the simulator's files by themselves."""

import asyncio
import io
import wave
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from openai import BadRequestError

from infra.simulator.script import Fault, FaultKind
from schemas.claim import Claim
from schemas.errors import GenqError, ModelError
from schemas.generation import Kind
from tests.fixtures.claims import image_claim
from tests.fixtures.model_server import answers, answers_bytes
from tests.fixtures.provider_scenes import failure_of, provider_of
from tests.fixtures.simulation import Simulation, simulation
from tests.fixtures.sounds import MP3
from worker.providers.provider import Provider

TEXT = "The kite climbs, and the string hums."


def spoken(**given: Any) -> Claim:
    asked = {"input": TEXT, "voice": "alloy"} | given
    return image_claim(kind=Kind.SPEECH, model="sim-speech-1", input=asked)


def play(scenario: Callable[[Simulation, Provider], Awaitable[None]]) -> None:
    async def scene() -> None:
        async with simulation() as running, provider_of(running.url + "/v1") as provider:
            await asyncio.wait_for(scenario(running, provider), 20)

    asyncio.run(scene())


def seconds_of(data: bytes) -> float:
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getnframes() / file.getframerate()


def test_a_text_becomes_a_file_that_is_as_long_as_it_takes_to_say_it() -> None:
    async def scenario(running: Simulation, provider: Provider) -> None:
        del running
        reply = await provider.generate(spoken(response_format="wav"))
        assert reply.audio is not None
        assert reply.audio.content_type == "audio/wav"
        usual = seconds_of(reply.audio.data)
        assert 1 < usual < 4
        slow = await provider.generate(spoken(response_format="wav", speed=0.5))
        assert slow.audio is not None
        assert seconds_of(slow.audio.data) == pytest.approx(2 * usual, rel=0.02)
        other = await provider.generate(spoken(response_format="wav", voice={"id": "voice_1"}))
        assert other.audio is not None
        assert other.audio.data != reply.audio.data
        samples = await provider.generate(spoken(response_format="pcm"))
        assert samples.audio is not None
        assert samples.audio.content_type == "audio/pcm"
        assert reply.audio.data.endswith(samples.audio.data)

    play(scenario)


def test_the_usual_format_is_mp3_in_whole_frames() -> None:
    async def scenario(running: Simulation, provider: Provider) -> None:
        reply = await provider.generate(spoken())
        assert reply.audio is not None
        data = reply.audio.data
        assert reply.audio.content_type == "audio/mpeg"
        # MPEG-2 layer III of 32 kbit/s and 24 kHz: 96 bytes each.
        assert {data[n : n + 4] for n in range(0, len(data), 96)} == {MP3[:4]}
        plain = await running.sdk.audio.speech.create(
            model="sim-speech-1", input=TEXT, voice="alloy"
        )
        assert plain.content == data
        assert plain.response.headers["content-type"] == "audio/mpeg"

    play(scenario)


@pytest.mark.parametrize(
    ("more", "parameter"),
    [
        ({"response_format": "flac"}, "response_format"),
        ({"response_format": "opus"}, "response_format"),
        ({"stream_format": "sse"}, "stream_format"),
        ({"input": ""}, "input"),
        ({"input": "x" * 4097}, "input"),
        ({"speed": 5}, "speed"),
    ],
)
def test_what_the_simulator_cannot_say_is_refused(more: dict[str, Any], parameter: str) -> None:
    async def scenario(running: Simulation, provider: Provider) -> None:
        del provider
        create: Any = running.sdk.audio.speech.create
        asked = {"model": "sim-speech-1", "input": "hello", "voice": "alloy", **more}
        with pytest.raises(BadRequestError) as refused:
            await create(**asked)
        assert refused.value.param == parameter

    play(scenario)


def test_failures_of_speech_mean_what_they_mean_for_pictures() -> None:
    async def scenario(running: Simulation, provider: Provider) -> None:
        for kind, error in (
            (FaultKind.SERVER_ERROR, "model_unavailable"),
            (FaultKind.CUT, "model_bad_answer"),
            (FaultKind.REFUSE_CONTENT, "model_refused_content"),
            (FaultKind.RATE_LIMIT, "model_rate_limited"),
        ):
            running.play(Fault(kind=kind))
            with pytest.raises(GenqError) as failure:
                await provider.generate(spoken())
            assert failure.value.code == error
        with pytest.raises(ModelError):
            await provider.generate(spoken(response_format="flac"))

    play(scenario)


def test_a_page_and_an_error_in_the_place_of_a_file_are_told_apart() -> None:
    page = failure_of(spoken(), answers_bytes(MP3, content_type="text/html"))
    told = failure_of(spoken(), answers({"error": {"message": "no", "code": 429}}))
    empty = failure_of(spoken(), answers({}))

    assert [one.code for one in (page, told, empty)] == [
        "model_bad_answer",
        "model_rate_limited",
        "model_bad_answer",
    ]
