"""The JSON that a model server is asked with."""

from collections.abc import Mapping
from typing import Any

import orjson

from schemas.claim import Claim
from schemas.errors import InputError
from schemas.generation import refuse_repeated


def request_body(claim: Claim, more: Mapping[str, Any] | None = None) -> bytes:
    """Return the parameters of ``claim`` as JSON. See ``parameters_of``.

    Raises:
        InputError: A number does not fit into 64 bits. Submit refuses it; an older release may
            not have.
    """
    try:
        return orjson.dumps(parameters_of(claim, more))
    except orjson.JSONEncodeError:
        raise InputError(
            "input holds a number that does not fit into 64 bits; write it as a string"
        ) from None


def parameters_of(claim: Claim, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the parameters of ``claim`` in OpenAI's form, ``extra_body`` beside the others.

    Args:
        claim: The attempt.
        more: Parameters of genq's own; the caller's go before them.

    Raises:
        InputError: ``extra_body`` repeats a parameter of its own right. Submit refuses that;
            an older release may not have.
    """
    parameters = dict(claim.input)
    extra: Mapping[str, Any] = parameters.pop("extra_body", None) or {}
    refuse_repeated(extra, claim.kind)
    body = {**(more or {}), **extra, **parameters, "model": claim.model}
    if claim.end_user is not None:
        body["user"] = claim.end_user
    return body
