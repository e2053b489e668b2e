"""What each action asks of a model, as far as models differ."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from infra.settings import Settings
from producer.picture_models import PictureModels
from producer.picture_recipes import Derived, derive
from schemas.errors import InputError
from schemas.generation import Kind
from schemas.job import Artifact, JobRecord
from schemas.job_states import JobState
from schemas.lanes import Lane
from schemas.model_catalog import OWN_MODEL, ModelServer, ModelSpec
from schemas.picture_action import PictureActionRequest
from schemas.picture_action_errors import ActionNotPossibleError
from schemas.picture_skills import PictureSkills
from schemas.privacy_errors import ContentErasedError
from schemas.protocols import Protocol

PAINTER = ModelSpec(name="painter", kind=Kind.IMAGE)
EDITOR = ModelSpec(name="editor", kind=Kind.IMAGE_EDIT)


def models(
    *specs: ModelSpec, protocol: Protocol = Protocol.OPENAI, **named: Any
) -> PictureModels:
    server = ModelServer(name="s", base_url="http://s", models=specs, protocol=protocol)
    settings = Settings.model_construct(
        model_servers=(server,),
        describe_model=named.get("describe"),
        upscale_model=named.get("upscale"),
        key_pepper=SecretStr(""),
    )
    return PictureModels(settings)


def job(width: int = 1024, height: int = 768, **changes: Any) -> JobRecord:
    picture = Artifact(0, "k", "image/png", 9, "00", width, height)
    made: Mapping[str, Any] = {"seed": 7, "served_by": {"model": "painter", "server": "s"}}
    record = JobRecord(
        id=UUID(int=1),
        tenant_id=1,
        kind=Kind.IMAGE,
        model="painter",
        lane=Lane.FAST,
        priority=5,
        state=JobState.SUCCEEDED,
        created_at=datetime(2026, 11, 22, tzinfo=UTC),
        input={"prompt": "a kite", "quality": "high", "n": 2},
        artifacts=[picture],
        made=made,
    )
    return replace(record, **changes)


def act(action: str, of: PictureModels, on: JobRecord | None = None, **told: Any) -> Derived:
    wanted = PictureActionRequest.model_validate({"action": action, **told})
    return derive(on or job(), wanted, of)


def with_skills(**skills: Any) -> ModelSpec:
    return EDITOR.model_copy(update={"skills": PictureSkills(**skills)})


def test_an_upscaler_is_asked_as_its_skill_says_and_genq_stands_in_for_it() -> None:
    own = act("upscale", models(PAINTER, EDITOR), factor=4)
    assert (own.model, own.input["size"]) == (OWN_MODEL, "4096x3072")
    scaled = act("upscale", models(EDITOR, with_skills(upscales="scale")))
    assert (scaled.model, scaled.input["extra_body"]) == ("editor", {"scale": 2})
    sized = act("upscale", models(with_skills(upscales="size")))
    assert "extra_body" not in sized.input
    assert sized.input["size"] == "2048x1536"
    assert act("upscale", models(EDITOR, upscale="editor")).model == "editor"
    assert act("upscale", models(with_skills(upscales="x")), model=OWN_MODEL).model == OWN_MODEL


def test_a_variation_says_how_far_it_may_go_in_the_words_of_its_model() -> None:
    assert "extra_body" not in act("vary", models(EDITOR), strength="strong").input
    openai = models(with_skills(varies_by="input_fidelity"))
    faithful = act("vary", openai, strength="strong").input
    assert faithful["input_fidelity"] == "low"
    number = act("vary", models(with_skills(varies_by="prompt_strength", seeds=True))).input
    assert number["extra_body"] == {"prompt_strength": 0.35}
    assert number["seed"] != 7
    # What only the job's own model knows stays with it.
    assert ("quality" in number, number["n"]) == (False, 2)


def test_words_that_an_action_added_are_not_added_twice() -> None:
    once = act("vary", models(EDITOR)).input
    again = act("zoom", models(EDITOR), job(kind=Kind.IMAGE_EDIT, input=once)).input
    assert again["prompt"].count("Keep the composition") == 0
    assert again["prompt"].startswith("a kite\n\nGo on with")
    large = act("upscale", models(EDITOR), job(kind=Kind.IMAGE_EDIT, input=once))
    assert large.input["prompt"] == "a kite"


def test_only_models_that_edit_with_masks_paint_around_a_picture() -> None:
    masked = with_skills(masks=True).model_copy(update={"name": "masked"})
    found = models(EDITOR, masked, protocol=Protocol.COG)
    assert act("zoom", found).model == "masked"
    assert act("pan", models(EDITOR), direction="up").model == "editor"
    for of in (models(EDITOR, protocol=Protocol.COG), models(with_skills(masks=False))):
        with pytest.raises(ActionNotPossibleError, match=r"skills\.masks"):
            act("zoom", of)
    with pytest.raises(ActionNotPossibleError, match="image_edit"):
        act("zoom", models(PAINTER))
    with pytest.raises(ActionNotPossibleError, match="GENQ_DESCRIBE_MODEL"):
        act("describe", models(PAINTER))


@pytest.mark.parametrize(
    ("direction", "place"),
    [("left", (512, 0)), ("right", (0, 0)), ("up", (0, 384)), ("down", (0, 0))],
)
def test_a_pan_shows_more_of_the_side_that_is_named(
    direction: str, place: tuple[int, int]
) -> None:
    canvas = act("pan", models(EDITOR), direction=direction).input["canvas"]
    assert (canvas["x"], canvas["y"]) == place


def test_too_large_is_refused_before_anything_is_made() -> None:
    of = models(EDITOR)
    for action, on, told in (
        ("upscale", job(2400, 2400), {"factor": 4}),
        ("upscale", job(5000, 100), {"factor": 2}),
        ("zoom", job(5000, 5000), {}),
        ("pan", job(3000, 6000), {"direction": "left"}),
    ):
        with pytest.raises(InputError, match="at most"):
            act(action, of, on, **told)


def test_a_replay_needs_a_seed_that_somebody_told_and_goes_to_what_answered() -> None:
    of, stood_in = models(PAINTER), {"seed": 7, "served_by": {"model": "second", "server": "s"}}
    again = act("replay", of, job(made=stood_in))
    assert (again.model, again.input["seed"], again.exact) == ("second", 7, True)
    with pytest.raises(ActionNotPossibleError, match="reroll"):
        act("replay", of, job(made={}))
    assert "seed" not in act("reroll", of, job(made={})).input
    own = job(kind=Kind.IMAGE_EDIT, model=OWN_MODEL, made={})
    assert act("replay", of, own).model == OWN_MODEL
    with pytest.raises(ActionNotPossibleError, match="no dice"):
        act("reroll", of, own)


def test_what_was_erased_is_used_no_more_and_the_rest_is() -> None:
    no_prompt = job(input={}, input_erased=True)
    for action, told in (("reroll", {}), ("vary", {}), ("replay", {})):
        with pytest.raises(ContentErasedError):
            act(action, models(EDITOR), no_prompt, **told)
    assert (
        act("vary", models(EDITOR), no_prompt, prompt="a boat").input["prompt"][:6] == "a boat"
    )
    assert act("upscale", models(EDITOR), no_prompt).input["prompt"] == "Enlarge the picture."
    with pytest.raises(ContentErasedError):
        act("upscale", models(EDITOR), job(output_erased=True))


def test_an_edit_goes_to_the_model_that_was_named_else_to_one_that_can_edit() -> None:
    enlarging = with_skills(upscales="scale").model_copy(update={"name": "enlarging"})
    of = models(PAINTER, enlarging, EDITOR)
    edited = job(kind=Kind.IMAGE_EDIT, model="enlarging")
    for action, told in (
        ("vary", {}),
        ("blend", {"images": ["https://example.com/a.png"]}),
        ("zoom", {}),
    ):
        for on in (job(), edited, job(kind=Kind.IMAGE_EDIT, model="editor")):
            assert act(action, of, on, **told).model == "editor"
            # Whoever takes jobs says that there is none.
            assert act(action, of, on, model="nobody", **told).model == "nobody"
        with pytest.raises(ActionNotPossibleError, match="only enlarges"):
            act(action, of, edited, model=OWN_MODEL, **told)
    assert act("vary", of, model="enlarging").model == "enlarging"
    with pytest.raises(ActionNotPossibleError, match="image_edit"):
        act("vary", models(PAINTER, enlarging))


def test_a_seed_goes_only_to_a_model_of_which_somebody_knows_that_it_takes_one() -> None:
    seeded = PAINTER.model_copy(update={"name": "seeded", "skills": PictureSkills(seeds=True)})
    of = models(PAINTER, EDITOR, seeded, PAINTER.model_copy(update={"name": "other"}))
    asked = job(input={"prompt": "a kite", "seed": 7})
    words = {"reroll": {}, "remix": {"prompt": "a boat"}}
    for action, told in words.items():
        assert "seed" not in act(action, of, asked, model="other", **told).input
        assert act(action, of, asked, model="other", seed=3, **told).input["seed"] == 3
        for known in ({}, {"model": "seeded"}):
            seed = act(action, of, asked, **known, **told).input["seed"]
            assert (seed == 7) == (action == "remix")
    for action in ("vary", "zoom"):
        assert "seed" not in act(action, of, asked).input
        assert act(action, of, asked, seed=3).input["seed"] == 3
        assert act(action, models(with_skills(seeds=True)), asked).input["seed"] != 7
        own = job(kind=Kind.IMAGE_EDIT, model="editor")
        assert act(action, of, own).input["seed"] != 7


def test_too_small_or_too_long_is_refused_by_the_name_that_its_caller_knows() -> None:
    of = models(EDITOR)
    long = job(input={"prompt": "k" * 31_990})
    for action, on, told, name, what in (
        ("zoom", job(1, 1), {}, "factor", "small"),
        ("zoom", job(9, 500), {"factor": 1.5}, "factor", "small"),
        ("pan", job(1, 1), {"direction": "up"}, "direction", "small"),
        ("upscale", job(1, 1), {}, "factor", "2 x 2"),
        ("vary", long, {}, "prompt", "vary says besides"),
        ("zoom", long, {}, "prompt", "zoom says besides"),
    ):
        with pytest.raises(InputError, match=what) as refused:
            act(action, of, on, **told)
        assert [fault.pointer for fault in refused.value.fields] == [f"/{name}"]
    assert act("vary", of, long, prompt="a kite").input["prompt"].startswith("a kite")


def test_a_lane_or_priority_of_null_is_none_that_was_told() -> None:
    told = {"action": "reroll", "lane": None, "priority": None, "end_user": None}
    wanted = PictureActionRequest.model_validate(told)
    assert wanted.of_the_job == {"end_user": None}
    told |= {"lane": "relax", "priority": 0}
    assert PictureActionRequest.model_validate(told).of_the_job["priority"] == 0
