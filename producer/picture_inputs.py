"""The parts that inputs of actions are made of: pictures, prompts, seeds, canvases."""

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from producer.erased import erased_job
from producer.picture_models import PictureModels
from schemas.canvas import MAX_PIXELS, MAX_SIDE, Canvas
from schemas.errors import FieldError, InputError
from schemas.generation import Kind
from schemas.ids import format_id, parse_id
from schemas.job import Artifact, JobRecord, seed_of
from schemas.parameters import LEAST_SIDE
from schemas.picture_action import PictureActionRequest
from schemas.picture_action_errors import ActionNotPossibleError, NoSuchPictureError
from schemas.picture_skills import FIDELITY, PictureSkills
from schemas.picture_words import own_prompt
from schemas.privacy_errors import ContentErasedError

_HOW_FAR: Final = MappingProxyType({"subtle": ("high", 0.35), "strong": ("low", 0.75)})
# Of 31 bits: what every model server takes that takes any.
_SEEDS: Final = 1 << 31
# Parameters of pictures that edits have too.
_KEPT: Final = ("n", "size", "output_format")
_KEPT_BY_ITS_MODEL: Final = (
    *_KEPT,
    "quality",
    "background",
    "output_compression",
    "extra_body",
)
_AUTO: Final = "auto"


def chosen(job: JobRecord, wanted: PictureActionRequest) -> Artifact:
    """Return the picture that is meant.

    Raises:
        ContentErasedError: What the job made is gone.
        InputError: There are several, and none is named.
        NoSuchPictureError: There is none of this index.
    """
    if job.output_erased:
        raise ContentErasedError(
            f"what {format_id('job', job.id)} made was erased: nothing can be made of it"
        )
    count = len(job.artifacts)
    if wanted.index is None and count > 1:
        raise wrong("index", f"is needed: the job made {count} pictures, 0 to {count - 1}")
    index = wanted.index or 0
    found = next((one for one in job.artifacts if one.index == index), None)
    if found is None:
        there = f"pictures 0 to {count - 1}" if count > 1 else f"{count} picture, index 0"
        message = f"the job made {there}; there is none of index {index}"
        raise NoSuchPictureError(message, fields=[FieldError("/index", message)])
    return found


def input_of(job: JobRecord) -> Mapping[str, Any]:
    """Return what a job was asked.

    Raises:
        ContentErasedError: It is gone.
    """
    if job.input_erased:
        raise ContentErasedError(erased_job(job.id))
    return job.input


def edit_of(
    job: JobRecord,
    wanted: PictureActionRequest,
    models: PictureModels,
    model: str,
    words: str = "",
) -> dict[str, Any]:
    """Return an edit that goes by a job's prompt and parameters; its pictures are to follow.

    Args:
        job: Which is acted on.
        wanted: Its prompt, seed and number go before those of the job.
        models: What is known of models.
        model: What is particular to the job's model is kept if it is the same.
        words: What the prompt says besides.

    Raises:
        ContentErasedError: The job's prompt is gone, and no other one was given.
        InputError: The prompt is too long with what is said besides.
    """
    given = job.input if wanted.prompt is not None else input_of(job)
    prompt = wanted.prompt or own_prompt(given)
    kept = _KEPT_BY_ITS_MODEL if model == job.model else _KEPT
    asked = {name: given[name] for name in kept if given.get(name) is not None}
    if wanted.n is not None:
        asked["n"] = wanted.n
    asked |= new_seed(job, wanted, takes=takes_seed(job, models, model, Kind.IMAGE_EDIT))
    whole = f"{prompt}\n\n{words}" if words else prompt
    if len(whole) > models.longest_prompt:
        raise wrong(
            "prompt",
            f"would have {len(whole)} characters with what {wanted.action} says besides; "
            f"{models.longest_prompt} may be: give a shorter one",
        )
    return asked | {"prompt": whole}


def fidelity(asked: Mapping[str, Any], skills: PictureSkills, strength: str) -> dict[str, Any]:
    """Return an edit that says how far it may go, as its model is told that."""
    word, number = _HOW_FAR[strength]
    if skills.varies_by is None:
        return dict(asked)
    if skills.varies_by == FIDELITY:
        return {**asked, FIDELITY: word}
    extra: Mapping[str, Any] = asked.get("extra_body") or {}
    return {**asked, "extra_body": {**extra, skills.varies_by: number}}


def known_seed(job: JobRecord) -> int | None:
    """Return the seed that a job's pictures were made with, as far as anybody told."""
    told = job.input.get("seed")
    return told if isinstance(told, int) else seed_of(job)


def takes_seed(job: JobRecord, models: PictureModels, model: str, kind: Kind) -> bool:
    """Return whether a seed may be sent to a model unasked: the job's own, or by its skills."""
    return model == job.model or models.takes_seed(model, kind)


def new_seed(job: JobRecord, wanted: PictureActionRequest, *, takes: bool) -> dict[str, int]:
    """Return another seed than the job's; none where nobody knows that its model takes one.

    Args:
        job: Which is acted on.
        wanted: A seed that it names is sent anyway.
        takes: What ``takes_seed`` says of the new job's model.
    """
    if wanted.seed is not None:
        return {"seed": wanted.seed}
    before = known_seed(job)
    if before is None or not takes:
        return {}
    # Never the same one.
    return {"seed": (before + 1 + secrets.randbelow(_SEEDS - 1)) % _SEEDS}


def sides_of(artifact: Artifact) -> tuple[int, int]:
    """Return width and height of a picture.

    Raises:
        ActionNotPossibleError: Nobody noted them when it was stored.
    """
    if artifact.width is None or artifact.height is None:
        raise ActionNotPossibleError("the size of this picture is not known; take another one")
    return artifact.width, artifact.height


def canvas_of(
    whole: tuple[int, int], corner: tuple[int, int], picture: tuple[int, int], *, at: str
) -> dict[str, Any]:
    """Return the parameters that lay a picture on a canvas of the size that is then made.

    Raises:
        InputError: The canvas is too large or too small; ``at`` is the parameter that makes
            it so.
    """
    if whole == picture or min(whole) < LEAST_SIDE:
        raise wrong(
            at,
            f"would make {whole[0]} x {whole[1]} pixels, with {picture[0]} x {picture[1]} of "
            "them the picture's: there is nothing to paint around a picture as small as this",
        )
    if whole[0] * whole[1] > MAX_PIXELS or max(whole) > MAX_SIDE:
        raise wrong(
            at, f"would make {whole[0]} x {whole[1]} pixels; at most {MAX_PIXELS} can be"
        )
    canvas = Canvas(
        width=whole[0],
        height=whole[1],
        x=corner[0],
        y=corner[1],
        picture_width=picture[0],
        picture_height=picture[1],
    )
    return {"canvas": canvas.model_dump(), "size": canvas.size}


def named(job: JobRecord, artifact: Artifact) -> str:
    """Return how inputs name a picture that a job made."""
    return f"{format_id('job', job.id)}/{artifact.index}"


def made_by(reference: str) -> UUID:
    """Return the job that made the picture of such a name."""
    return parse_id("job", reference.partition("/")[0])


def wrong(name: str, what: str) -> InputError:
    """Return the fault of one parameter of an action."""
    return InputError(f"{name} {what}", fields=[FieldError(f"/{name}", what)])
