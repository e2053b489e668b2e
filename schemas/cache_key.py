"""When two jobs are the same to a model, and what they are called then. Pure."""

import base64
import binascii
import copy
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.cache import CacheMode
from schemas.canonical_json import canonical_json
from schemas.generation import INPUTS, Kind
from schemas.picture_references import references_of

_VERSION: Final = 2
"""Of what is hashed: with another one nothing that was kept before is found."""
_DATA: Final = "data:image/"
_BASE64: Final = ";base64"


@dataclass(frozen=True, slots=True)
class Asked:
    """All that decides what comes of a job, beside the model's weights.

    Attributes:
        tenant_id: Nothing is ever shared between tenants.
        model: As it was asked for.
        route: What is configured of the servers and models that may answer.
        told: The parameters, as the model is to see them.
        policy: Which safety policy let it pass: version, digest and level.
        marking: How the installation marks what is made.
    """

    tenant_id: int
    kind: Kind
    model: str
    route: object
    told: Mapping[str, Any]
    policy: Sequence[str]
    marking: str


def may_be_cached(kind: Kind, mode: CacheMode, told: Mapping[str, Any]) -> bool:
    """Return whether an earlier answer will do; see ``schemas.cache``."""
    if mode is CacheMode.AUTO:
        return kind is Kind.EMBEDDING or _repeats_itself(kind, told)
    return mode is CacheMode.ALLOW


def cache_key(asked: Asked, pepper: bytes) -> bytes:
    """Return what the same jobs have in common: 32 bytes.

    SHA-256 over canonical JSON (RFC 8785), keyed: who sees the table cannot try prompts.
    """
    parameters = INPUTS[asked.kind].model_validate(dict(asked.told)).model_dump(mode="json")
    facts = {
        "version": _VERSION,
        "tenant": asked.tenant_id,
        "kind": asked.kind.value,
        "model": asked.model,
        "route": asked.route,
        "parameters": _digested(asked.kind, parameters),
        "policy": list(asked.policy),
        "marking": asked.marking,
    }
    return hmac.new(pepper, canonical_json(facts), hashlib.sha256).digest()


def _repeats_itself(kind: Kind, told: Mapping[str, Any]) -> bool:
    if told.get("seed") is None:
        return False
    if kind.pictures:
        return True
    return not told.get("temperature") and (told.get("n") or 1) == 1


def _digested(kind: Kind, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters in which pictures are the SHA-256 of their bytes, however they came.

    Only where a picture stands: what says the same elsewhere is a text, of which each character
    counts.
    """
    digested = copy.deepcopy(parameters)
    for reference in references_of(kind, parameters):
        holder: Any = digested
        for step in reference.place[:-1]:
            holder = holder[step]
        holder[reference.place[-1]] = _picture(reference.text)
    return digested


def _picture(url: str) -> object:
    head, _, body = url.partition(",")
    if not (head.startswith(_DATA) and head.endswith(_BASE64)):
        return url
    try:
        data = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return url
    return {"picture": hashlib.sha256(data).hexdigest()}
