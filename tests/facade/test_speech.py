"""Speech through OpenAI's clients: the file itself, whole or piece by piece."""

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest
from openai import BadRequestError

from infra.settings import Settings
from tests.facade.scene import SHORT, Scene, play
from tests.fixtures.sounds import MP3
from tests.fixtures.until import until

ASKED: Final[dict[str, Any]] = {"model": "test-speech", "input": "A kite.", "voice": "alloy"}
SOUND: Final = MP3 * 50


def test_openais_clients_get_the_file_and_what_it_is(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        create: Any = here.client.audio.speech.create
        more = {"instructions": "softly", "speed": 1.5, "stream_format": "audio"}
        asked = asyncio.create_task(create(**ASKED, **more))
        job = await here.job()
        await here.api.end(job, sound=SOUND)
        answer = await asked
        assert answer.content == SOUND
        headers = answer.response.headers
        assert headers["content-type"] == "audio/mpeg"
        assert headers["content-length"] == str(len(SOUND))
        assert headers["content-disposition"] == f'attachment; filename="{job}-0.mp3"'
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-genq-ai-generated"] == "true"
        assert headers["x-genq-job-id"] == job
        told = (await here.api.http.get(f"/v1/jobs/{job}")).json()
        assert (told["kind"], told["input"]) == (
            "speech",
            {name: value for name, value in {**ASKED, **more}.items() if name != "model"},
        )
        [made] = told["output"]["artifacts"]
        assert (made["content_type"], made["width"], made["bytes"]) == (
            "audio/mpeg",
            None,
            len(SOUND),
        )
        again = await here.api.http.get(f"/v1/jobs/{job}/artifacts/0")
        assert (again.content, again.headers["content-type"]) == (SOUND, "audio/mpeg")
        manifest = (await here.api.http.get(f"/v1/jobs/{job}/manifest.json")).json()
        assert manifest["artifacts"][0]["c2pa_manifest"] is None

    play(settings, scenario)


def test_the_file_can_be_read_while_it_comes(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "hello.mp3"

    async def streamed(here: Scene) -> None:
        streaming = here.client.audio.speech.with_streaming_response
        async with streaming.create(**ASKED, response_format="mp3") as answer:
            await answer.stream_to_file(path)

    async def scenario(here: Scene) -> None:
        begun = asyncio.create_task(streamed(here))
        await here.api.end(await here.job(), sound=SOUND)
        await begun
        assert path.read_bytes() == SOUND

    play(settings, scenario)


def test_a_call_that_is_sent_round_comes_back_to_its_job(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        create: Any = here.client.audio.speech.create
        asked = asyncio.create_task(create(**ASKED))
        job = await here.job()
        await here.waited_for()
        await until(lambda: len(here.sent) > 1, "the client comes back")
        await here.api.end(job, sound=SOUND)
        assert (await asked).content == SOUND
        assert len(await here.jobs()) == 1

    play(settings, scenario, facade_max_hold=SHORT)


def test_what_is_not_done_for_speech_is_refused_by_name(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        create: Any = here.client.audio.speech.create
        refused: tuple[tuple[dict[str, Any], str | None, str], ...] = (
            ({"stream_format": "sse"}, "unsupported_parameter", "stream_format"),
            ({"response_format": "midi"}, "invalid_request", "response_format"),
            ({"speed": 5}, "invalid_request", "speed"),
            ({"input": "x" * 4097}, "invalid_request", "input"),
            ({"voice": ""}, "invalid_request", "voice"),
            ({"voice": {"name": "me"}}, "invalid_request", "voice"),
        )
        for more, code, parameter in refused:
            with pytest.raises(BadRequestError) as error:
                await create(**{**ASKED, **more})
            assert (error.value.code, str(error.value.param).split(".")[0]) == (code, parameter)
        # OpenAI's batches have no such endpoint, and a line of one holds no file.
        made: Any = here.client.batches.create
        with pytest.raises(BadRequestError) as told:
            await made(
                input_file_id="file-01kb0q5v3mf0t8w2c7d4e9g6hj",
                endpoint="/v1/audio/speech",
                completion_window="24h",
            )
        assert told.value.param == "endpoint"
        assert await here.jobs() == []

    play(settings, scenario)
