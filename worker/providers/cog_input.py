"""What a Cog model is asked, in its own words.

Cog has no parameters of its own: each model names its inputs. genq's go by the names that most
image models use; ``ModelSpec.inputs`` tells others.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from schemas.claim import Claim
from schemas.errors import InputError
from schemas.generation import refuse_repeated
from schemas.model_catalog import ModelSpec

# Of genq's parameters, those that have no meaning to a container.
_LEFT_OUT: Final = frozenset({"moderation"})
_AUTO: Final = "auto"
_USUAL: Final = {"n": "num_outputs"}


def cog_input(claim: Claim, spec: ModelSpec) -> dict[str, Any]:
    """Return the ``input`` of a prediction.

    ``size`` becomes ``width`` and ``height``; ``n`` becomes ``num_outputs``, and is left out
    where it is 1, which every model makes; of ``images`` the first becomes ``image``. The
    members of ``extra_body`` go as they are.

    Args:
        claim: The attempt.
        spec: The model; its ``inputs`` rename what they name.

    Raises:
        InputError: It gives more pictures than a model has inputs for.
    """
    asked = dict(claim.input)
    extra: Mapping[str, Any] = asked.pop("extra_body", None) or {}
    refuse_repeated(extra, claim.kind)
    images: list[str] = asked.pop("images", None) or []
    size: str | None = asked.pop("size", None)
    if asked.get("n") == 1:
        del asked["n"]
    named = {name: value for name, value in asked.items() if name not in _LEFT_OUT}
    # "auto" leaves it to the model.
    if size is not None and size != _AUTO:
        width, _, height = size.partition("x")
        named |= {"width": int(width), "height": int(height)}
    names = _USUAL | dict(spec.inputs)
    if len(images) > 1 and "images" not in names:
        raise InputError(
            f"/input/images: {claim.model} takes one picture; send one, or choose another model"
        )
    if images:
        named |= {"images": images} if "images" in names else {"image": images[0]}
    return {**extra, **{names.get(name, name): value for name, value in named.items()}}


def cog_body(claim: Claim, spec: ModelSpec) -> bytes:
    """Return what a prediction is asked with, as JSON.

    Raises:
        InputError: As ``cog_input``, or a number does not fit into 64 bits.
    """
    try:
        return orjson.dumps({"input": cog_input(claim, spec)})
    except orjson.JSONEncodeError:
        raise InputError(
            "input holds a number that does not fit into 64 bits; write it as a string"
        ) from None
