"""The JSON that a model server is asked with."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from schemas.claim import Claim
from schemas.errors import FieldError, InputError
from schemas.generation import INPUTS

# What genq itself decides about a call. A streamed answer, for one, could not be read.
_OURS: Final = frozenset({"model", "stream", "stream_options", "user"})


def request_body(claim: Claim) -> bytes:
    """Return the parameters of ``claim`` in OpenAI's form, ``extra_body`` beside the others.

    Raises:
        InputError: ``extra_body`` repeats a parameter of its own right, whose limits it would
            evade, or a number does not fit into 64 bits.
    """
    parameters = dict(claim.input)
    extra: Mapping[str, Any] = parameters.pop("extra_body", None) or {}
    _refuse_repeated(extra, _OURS.union(INPUTS[claim.kind].model_fields))
    body = {**extra, **parameters, "model": claim.model}
    if claim.end_user is not None:
        body["user"] = claim.end_user
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        raise InputError(
            "input holds a number that does not fit into 64 bits; write it as a string"
        ) from None


def _refuse_repeated(extra: Mapping[str, Any], taken: frozenset[str]) -> None:
    repeated = sorted(taken.intersection(extra))
    if repeated:
        raise InputError(
            f"extra_body may not hold {', '.join(repeated)}: set them as parameters of input, "
            "model or end_user, where they are checked",
            fields=[
                FieldError(f"/input/extra_body/{name}", "is a parameter of its own")
                for name in repeated
            ],
        )
