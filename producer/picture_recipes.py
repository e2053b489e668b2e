"""What each action asks of a model: kind, model and input of the new job. Nothing is written.

The prompts of genq's own stand here, so that everybody can see what a model is told.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from producer.picture_inputs import (
    canvas_of,
    chosen,
    edit_of,
    fidelity,
    input_of,
    known_seed,
    made_by,
    named,
    new_seed,
    sides_of,
    takes_seed,
    wrong,
)
from producer.picture_models import PictureModels
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.model_catalog import OWN_MODEL
from schemas.parameters import LEAST_SIDE
from schemas.picture_action import FEWEST_BLENDED, MOST_BLENDED, PictureActionRequest
from schemas.picture_action_errors import ActionNotPossibleError
from schemas.picture_skills import TARGET_SIZE
from schemas.picture_words import (
    BLEND,
    DESCRIBE,
    ENLARGE,
    GO_ON,
    STRONG,
    SUBTLE,
    own_prompt,
)
from schemas.upscaling import MAX_SIDE, MAX_UPSCALED_PIXELS, UPSCALE_FACTORS

_ZOOMS: Final = (1.5, 2)
_PAN: Final = 1.5


@dataclass(frozen=True, slots=True)
class Derived:
    """What an action makes of a job.

    Attributes:
        detail: How it was done, for the lineage: no content.
        others: The jobs whose pictures it takes too.
        exact: Nothing but the model is to answer: no cache.
    """

    kind: Kind
    model: str | None
    input: Mapping[str, Any]
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])
    others: Sequence[UUID] = ()
    exact: bool = False


def derive(job: JobRecord, wanted: PictureActionRequest, models: PictureModels) -> Derived:
    """Return what an action asks for.

    Args:
        job: One of pictures that has succeeded, and whose pictures are there.
        wanted: What is to be done, with no parameter that is out of place.
        models: Chooses models.

    Raises:
        ActionNotPossibleError: The job, or what is configured, does not allow it.
        NoSuchPictureError: The job has no picture of this index.
        InputError: A parameter is missing or wrong.
    """
    return _RECIPES[wanted.action](job, wanted, models)


def _upscale(job: JobRecord, wanted: PictureActionRequest, models: PictureModels) -> Derived:
    artifact = chosen(job, wanted)
    factor = 2 if wanted.factor is None else wanted.factor
    if factor not in UPSCALE_FACTORS:
        raise wrong("factor", "must be 2 or 4")
    model, skills = models.upscaler(wanted.model)
    sides = sides_of(artifact)
    width, height = (int(side * factor) for side in sides)
    if max(width, height) > MAX_SIDE or width * height > MAX_UPSCALED_PIXELS:
        raise wrong(
            "factor",
            f"would make {width} x {height} pixels of {sides[0]} x {sides[1]}; at most "
            f"{MAX_UPSCALED_PIXELS}, and {MAX_SIDE} a side",
        )
    asked: dict[str, Any] = {
        "prompt": own_prompt(job.input) or ENLARGE,
        "images": [named(job, artifact)],
    }
    if skills.upscales == TARGET_SIZE:
        if min(width, height) < LEAST_SIDE:
            raise wrong(
                "factor",
                f"would make {width} x {height} pixels; {LEAST_SIDE} a side are the least "
                f"that {model} is asked for",
            )
        asked["size"] = f"{width}x{height}"
    elif skills.upscales is not None:
        asked["extra_body"] = {skills.upscales: int(factor)}
    detail = {"index": artifact.index, "factor": int(factor)}
    return Derived(Kind.IMAGE_EDIT, model, asked, detail)


def _vary(job: JobRecord, wanted: PictureActionRequest, models: PictureModels) -> Derived:
    artifact = chosen(job, wanted)
    model = models.editor(wanted.model, job.model)
    words = SUBTLE if wanted.strength == "subtle" else STRONG
    asked = edit_of(job, wanted, models, model, words) | {"images": [named(job, artifact)]}
    asked = fidelity(asked, models.skills(model), wanted.strength)
    detail = {"index": artifact.index, "strength": wanted.strength}
    return Derived(Kind.IMAGE_EDIT, model, asked, detail)


def _reroll(job: JobRecord, wanted: PictureActionRequest, models: PictureModels) -> Derived:
    model = wanted.model or job.model
    _refuse_own(model)
    takes = takes_seed(job, models, model, job.kind)
    asked = _seedless(job) | new_seed(job, wanted, takes=takes)
    return Derived(job.kind, model, asked)


def _remix(job: JobRecord, wanted: PictureActionRequest, models: PictureModels) -> Derived:
    if wanted.prompt is None:
        raise wrong("prompt", "is needed: what the picture is to show instead")
    model = wanted.model or job.model
    _refuse_own(model)
    seed = wanted.seed
    if seed is None and takes_seed(job, models, model, job.kind):
        seed = known_seed(job)
    kept = {} if seed is None else {"seed": seed}
    asked = {**_seedless(job), **kept, "prompt": wanted.prompt}
    return Derived(job.kind, model, asked)


def _replay(job: JobRecord, _wanted: PictureActionRequest, _: PictureModels) -> Derived:
    served: Mapping[str, str] = job.made.get("served_by") or {}
    model, asked, seed = served.get("model") or job.model, input_of(job), known_seed(job)
    if seed is None and model != OWN_MODEL:
        raise ActionNotPossibleError(
            f"nobody told which seed {format_id('job', job.id)} was made with, so that nothing "
            'can repeat it exactly; {"action": "reroll"} makes another one of the same words. '
            "The operator may set skills.seeds of the model"
        )
    return Derived(
        job.kind, model, asked if seed is None else {**asked, "seed": seed}, exact=True
    )


def _blend(job: JobRecord, wanted: PictureActionRequest, models: PictureModels) -> Derived:
    artifact = chosen(job, wanted)
    names = list(dict.fromkeys([named(job, artifact), *wanted.images]))
    if not FEWEST_BLENDED <= len(names) <= MOST_BLENDED:
        raise wrong(
            "images",
            f"must name 1 to {MOST_BLENDED - 1} other pictures: blend takes {FEWEST_BLENDED} "
            f"to {MOST_BLENDED}, and the job's own is the first",
        )
    model = models.editor(wanted.model, job.model)
    worded = wanted.model_copy(update={"prompt": wanted.prompt or BLEND})
    asked = edit_of(job, worded, models, model) | {"images": names}
    others = [made_by(name) for name in names[1:] if name.startswith("job_")]
    parents = [one for one in dict.fromkeys(others) if one != job.id]
    detail = {"index": artifact.index, "pictures": len(names)}
    return Derived(Kind.IMAGE_EDIT, model, asked, detail, parents)


def _describe(job: JobRecord, wanted: PictureActionRequest, models: PictureModels) -> Derived:
    artifact = chosen(job, wanted)
    shown = {"type": "image_url", "image_url": {"url": named(job, artifact)}}
    told = {"type": "text", "text": DESCRIBE}
    asked = {"messages": [{"role": "user", "content": [told, shown]}]}
    model = models.describer(wanted.model)
    return Derived(Kind.CHAT, model, asked, {"index": artifact.index})


def _zoom(job: JobRecord, wanted: PictureActionRequest, models: PictureModels) -> Derived:
    artifact = chosen(job, wanted)
    factor = 2 if wanted.factor is None else wanted.factor
    if factor not in _ZOOMS:
        raise wrong("factor", "must be 1.5 or 2: so many times as much is shown")
    width, height = sides_of(artifact)
    inner = max(1, round(width / factor)), max(1, round(height / factor))
    corner = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas = canvas_of((width, height), corner, inner, at="factor")
    model = models.painter_around(wanted.model, job.model)
    asked = (
        edit_of(job, wanted, models, model, GO_ON) | canvas | {"images": [named(job, artifact)]}
    )
    return Derived(
        Kind.IMAGE_EDIT, model, asked, {"index": artifact.index, "factor": float(factor)}
    )


def _pan(job: JobRecord, wanted: PictureActionRequest, models: PictureModels) -> Derived:
    artifact = chosen(job, wanted)
    if wanted.direction is None:
        raise wrong("direction", "is needed: left, right, up or down")
    width, height = sides_of(artifact)
    across = wanted.direction in {"left", "right"}
    whole = (round(width * _PAN), height) if across else (width, round(height * _PAN))
    x = whole[0] - width if wanted.direction == "left" else 0
    y = whole[1] - height if wanted.direction == "up" else 0
    canvas = canvas_of(whole, (x, y), (width, height), at="direction")
    model = models.painter_around(wanted.model, job.model)
    asked = (
        edit_of(job, wanted, models, model, GO_ON) | canvas | {"images": [named(job, artifact)]}
    )
    detail = {"index": artifact.index, "direction": wanted.direction}
    return Derived(Kind.IMAGE_EDIT, model, asked, detail)


def _seedless(job: JobRecord) -> dict[str, Any]:
    return {name: value for name, value in input_of(job).items() if name != "seed"}


def _refuse_own(model: str) -> None:
    if model == OWN_MODEL:
        raise ActionNotPossibleError(
            f"{OWN_MODEL} rolls no dice and reads no prompt: act on the job whose picture it "
            "enlarged, or name another model"
        )


_Recipe = Callable[[JobRecord, PictureActionRequest, PictureModels], Derived]
_RECIPES: Final[Mapping[str, _Recipe]] = MappingProxyType(
    {
        "upscale": _upscale,
        "vary": _vary,
        "reroll": _reroll,
        "remix": _remix,
        "blend": _blend,
        "describe": _describe,
        "zoom": _zoom,
        "pan": _pan,
        "replay": _replay,
    }
)
