"""What is judged of jobs with pictures, and over what the word of people stands."""

from typing import Any, Final, cast

import orjson
import pytest

from infra.safety.parts import Whose
from schemas.errors import InputError
from schemas.generation import Kind
from schemas.ids import parse_id
from schemas.job_states import JobState
from schemas.tenant_plan import SafetyLevel
from tests.fixtures.claims import image_claim
from tests.fixtures.harness import Harness
from tests.fixtures.listed_moderation import moderation_with
from tests.fixtures.model_server import png
from tests.fixtures.picture_host import whole
from tests.lifecycle.test_fetched_pictures import Scene, opened, photo, show
from worker.pipeline.picture_sources import StoredPictures
from worker.pipeline.run import Checks, build_stages
from worker.pipeline.stages.moderate_prompt import ModeratePrompt
from worker.providers.provider import Providers

FIGHT: Final = "a fight [violence 0.9]"


def let_pass_at_the_door(scene_: Scene, kind: Kind, **given: Any) -> str:
    """Submit a job whose words people have let pass before it was run; nobody saw pictures."""
    genq = scene_.genq
    (stage,) = [one for one in genq.stages if isinstance(one, ModeratePrompt)]
    floor = stage._moderation.judge_floor(given, Whose(1), SafetyLevel.STANDARD, kind=kind)
    digest = genq.do(floor).verdict.input_digest
    job_id = scene_.submit(kind, **given)
    genq.sql(
        "UPDATE payload SET body = body || CAST(:more AS jsonb) WHERE job_id = :id RETURNING 1",
        id=parse_id("job", job_id),
        more=orjson.dumps({"reviewed": ["other"], "reviewed_of": digest}).decode(),
    )
    return job_id


def test_words_that_people_let_pass_at_the_door_are_not_stopped_for_pictures(
    genq: Harness,
) -> None:
    with opened(genq) as scene_:
        scene_.talks["/blue"] = whole(photo("blue"))
        good, bad = (f"{scene_.host.url}/{name}" for name in ("photo", "blue"))
        wanted = {
            good: JobState.SUCCEEDED,
            # Of what it shows they knew nothing.
            bad: JobState.BLOCKED,
        }
        for url, state in wanted.items():
            messages = [{"role": "user", "content": FIGHT}, *show(url)]
            for job_id in (
                let_pass_at_the_door(scene_, Kind.IMAGE_EDIT, prompt=FIGHT, images=[url]),
                let_pass_at_the_door(scene_, Kind.CHAT, messages=messages),
            ):
                genq.run_until_idle()
                assert genq.job(job_id).state is state, url
        stopped = scene_.submit(Kind.IMAGE_EDIT, prompt=FIGHT, images=[good])
        genq.run_until_idle()
        assert genq.job(stopped).state is JobState.BLOCKED


def test_a_known_picture_is_known_on_its_way_to_a_larger_canvas(genq: Harness) -> None:
    picture = png("green", (64, 64))
    canvas = {
        "width": 128, "height": 128, "x": 32, "y": 32,
        "picture_width": 64, "picture_height": 64,
    }  # fmt: skip
    with opened(genq) as scene_:
        scene_.talks["/kite"] = whole(picture)
        (judging,) = [one for one in genq.stages if isinstance(one, ModeratePrompt)]
        sources = cast("Any", genq.stages[1])._sources

        def stages(*known: bytes) -> Any:
            return build_stages(
                genq.settings.model_servers,
                providers=Providers({"painter": genq.provider}),
                store=genq.store,
                gate=genq.gate,
                checks=Checks(moderation_with(*known), judging._evidence),
                sources=sources,
            )

        genq.stages = stages()
        url = f"{scene_.host.url}/kite"
        assert scene_.edit(url, canvas=canvas).state is JobState.SUCCEEDED
        seen = scene_.seen()
        assert "canvas" not in seen
        assert seen["mask"].startswith("data:image/png")
        genq.stages = stages(picture)
        assert scene_.edit(url, canvas=canvas).state is JobState.BLOCKED


def test_no_url_of_an_older_job_reaches_a_model_server(genq: Harness) -> None:
    sources = StoredPictures(genq._engine, genq.store)
    film = [{"type": "video_url", "video_url": {"url": "http://169.254.169.254/latest"}}]
    for changes in (
        {"kind": Kind.CHAT, "input": {"messages": [{"role": "user", "content": film}]}},
        {"input": {"prompt": "a", "extra_body": {"init_url": "http://10.0.0.1/a"}}},
    ):
        claim = image_claim(**changes)
        with pytest.raises(InputError, match="fetches pictures only"):
            genq.do(sources.brought(claim))
