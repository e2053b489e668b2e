"""A body of one of OpenAI's endpoints, taken apart: input of the model, and all that is not.

``null`` is as good as nothing. Names that are OpenAI's go into the input; other names travel to
the model server in ``extra_body``, unless they look like a typing mistake.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, cast

from producer.api.bodies import check, did_you_mean
from producer.input_rules import MOST_FAULTS
from producer.openai.endpoint import Defaults
from schemas.errors import FieldError, InputError
from schemas.facade_errors import UnsupportedParameterError
from schemas.generation import INPUTS, Kind
from schemas.job import JobRequest
from schemas.lanes import DEFAULT_LANE, Lane

GENQ: Final = "genq"
"""Where bodies have what only genq knows, and answers too."""
MAX_END_USER: Final = 128

_OF_GENQ: Final = frozenset(JobRequest.model_fields) - {"kind", "input", "model", "metadata"}
_ENVELOPE: Final = frozenset(
    {
        "model", "user", "safety_identifier", "metadata", "service_tier", GENQ,
        "stream", "stream_options", "store",
    }
)  # fmt: skip
_LANES: Final[Mapping[str, Lane | None]] = MappingProxyType(
    {
        "ultrafast": Lane.TURBO,
        "fast": Lane.TURBO,
        "priority": Lane.TURBO,
        "auto": None,
        "default": None,
        "scale": None,
        "flex": Lane.RELAX,
    }
)
_TIERS: Final[Mapping[Lane, str]] = MappingProxyType(
    {Lane.TURBO: "priority", Lane.FAST: "default", Lane.RELAX: "flex", Lane.BATCH: "flex"}
)
# Of servers that people run themselves (vLLM, SGLang, llama.cpp), and near to OpenAI's names.
_OF_SERVERS: Final = frozenset(
    {
        "top_k", "top_a", "min_p", "typical_p", "min_tokens", "best_of", "echo",
        "repetition_penalty", "length_penalty", "repeat_penalty", "truncate_prompt_tokens",
        "prompt_logprobs", "response_role", "documents", "priority", "response_prefix",
    }
)  # fmt: skip
_CLOSE: Final = 0.8
_MOST_EXTRA: Final = 64
_NOT_STORED: Final = (
    "genq keeps jobs by its own rules of retention; leave store out, or set it to false"
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What becomes of an endpoint's parameters that are no input of its jobs.

    Attributes:
        kind: Of its jobs: the parameters of ``INPUTS[kind]`` are input.
        dropped: Names that change nothing here.
        refused: Names that ask for what genq cannot do, each with the reason and what to do.
        harmless: Values of refused names that ask for nothing.
    """

    kind: Kind
    dropped: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict[str, str])
    harmless: Mapping[str, Iterable[Any]] = field(default_factory=dict[str, Iterable[Any]])


def request_from(body: Mapping[str, Any], defaults: Defaults, rules: Rules) -> JobRequest:
    """Return the job that a body asks for.

    Raises:
        UnsupportedParameterError: It asks for something that genq cannot do.
        InputError: It is wrong; each fault has its JSON pointer, as OpenAI names the field.
    """
    given = {name: value for name, value in body.items() if value is not None}
    own = _own_part(given)
    end_user = _end_user(given, own) or defaults.end_user
    wanted: dict[str, Any] = {
        "priority": defaults.priority,
        "lane": _lane(given) or defaults.lane,
        **own,
        "end_user": end_user,
        "kind": rules.kind,
        "model": given.get("model"),
        "metadata": given.get("metadata") or {},
        "input": _input(given, rules),
    }
    if "lane" not in own and _lane(given) is None and defaults.lane is DEFAULT_LANE:
        # Nobody named one: flags of the prompt may.
        del wanted["lane"]
    return check(JobRequest, wanted)


def tier_of(lane: Lane, asked: Mapping[str, Any]) -> dict[str, str]:
    """Return ``service_tier`` as answers tell it; nothing for who did not ask for one."""
    return {"service_tier": _TIERS[lane]} if asked.get("service_tier") else {}


def _input(given: Mapping[str, Any], rules: Rules) -> dict[str, Any]:
    known = INPUTS[rules.kind].model_fields
    names = (_ENVELOPE | rules.dropped | rules.refused.keys()) - known.keys()
    unsupported = _unsupported(given, rules)
    if unsupported:
        raise UnsupportedParameterError(_told(unsupported), fields=unsupported)
    wanted = {name: value for name, value in given.items() if name in known}
    extra = {name: given[name] for name in given.keys() - known.keys() - names}
    if extra:
        _refuse_mistakes(extra, [*known, *names])
        more = wanted.get("extra_body")
        wanted["extra_body"] = {**extra, **more} if isinstance(more, dict) else more or extra
    return wanted


def _refuse_mistakes(extra: Mapping[str, Any], known: Sequence[str]) -> None:
    """Hold names that are not OpenAI's to a few, of which none looks like one of OpenAI's."""
    if len(extra) > _MOST_EXTRA:
        message = f"{len(extra)} parameters are not OpenAI's; at most {_MOST_EXTRA} may be"
        raise InputError(message, fields=[FieldError("", message)])
    faults = [
        FieldError(
            f"/{_escaped(name)}",
            f"unknown parameter; {did_you_mean(name, known)}; what is really called so goes"
            " into an object extra_body of the body",
        )
        for name in sorted(extra.keys() - _OF_SERVERS)
        if difflib.get_close_matches(name, known, 1, _CLOSE)
    ]
    if faults:
        raise InputError(_told(faults), fields=faults)


def _unsupported(given: Mapping[str, Any], rules: Rules) -> list[FieldError]:
    faults = [
        FieldError(f"/{name}", why)
        for name, why in rules.refused.items()
        if name in given and given[name] not in rules.harmless.get(name, ())
    ]
    if given.get("store"):
        faults.append(FieldError("/store", _NOT_STORED))
    return faults


def _own_part(given: Mapping[str, Any]) -> dict[str, Any]:
    own = given.get(GENQ, {})
    if not isinstance(own, dict):
        raise InputError(
            f"{GENQ} must be an object", fields=[FieldError(f"/{GENQ}", "must be an object")]
        )
    told = cast("dict[str, Any]", own)
    faults = [
        FieldError(
            f"/{GENQ}/{_escaped(name)}",
            f"unknown field; {did_you_mean(name, sorted(_OF_GENQ))}",
        )
        # To look for a name that is close takes its time.
        for name in islice((name for name in told if name not in _OF_GENQ), MOST_FAULTS)
    ]
    if faults:
        raise InputError(_told(faults), fields=faults)
    return {name: value for name, value in told.items() if value is not None}


def _lane(given: Mapping[str, Any]) -> Lane | None:
    tier = given.get("service_tier")
    if tier is None:
        return None
    if not isinstance(tier, str) or tier not in _LANES:
        message = f"must be one of {', '.join(_LANES)}"
        raise InputError(
            f"service_tier: {message}", fields=[FieldError("/service_tier", message)]
        )
    return _LANES[tier]


def _end_user(given: Mapping[str, Any], own: dict[str, Any]) -> str | None:
    if "end_user" in own:
        return own.pop("end_user")
    name = "safety_identifier" if "safety_identifier" in given else "user"
    told = given.get(name)
    if not told:
        return None
    if not isinstance(told, str) or len(told) > MAX_END_USER:
        message = f"must be text of at most {MAX_END_USER} characters"
        raise InputError(f"{name}: {message}", fields=[FieldError(f"/{name}", message)])
    return told


def _told(faults: list[FieldError]) -> str:
    return f"{faults[0].pointer.lstrip('/').replace('/', '.')}: {faults[0].message}"


def _escaped(name: str) -> str:
    return name[:128].replace("~", "~0").replace("/", "~1")
