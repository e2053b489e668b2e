"""A request whose prompt ends in flags becomes one without: they are parameters then. Pure.

What becomes of each flag: ``--seed``, ``--n``, ``--size``, ``--format``, ``--quality`` and
``--style`` are parameters of OpenAI's API. ``--ar`` becomes a size (``schemas.aspect``). Lanes
and ``--model`` are the job's own, and its tenant's plan decides on them as ever. All else is
sent only where the settings of the model say what its server calls it (``ModelSpec.flags``);
``--no`` also goes to Cog's models, and to workflows of ComfyUI with an input of that name, as
``negative_prompt``. OpenAI's API has none.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from producer.input_rules import MOST_FAULTS
from schemas.aspect import size_of
from schemas.errors import FieldError, InputError
from schemas.flag_rules import LANES, MAPPED, FlagValue
from schemas.generation import INPUTS, Kind
from schemas.job_request import JobRequest
from schemas.lanes import Lane
from schemas.model_catalog import ModelServer, ModelSpec, default_model
from schemas.parameters import MAX_PROMPT_CHARACTERS
from schemas.prompt_flags import FlagFault, ReadPrompt, read_prompt
from schemas.protocols import Protocol

_PROMPT: Final = "prompt"
_POINTER: Final = "/input/prompt"
_NEGATIVE: Final = "negative_prompt"
_EXTRA: Final = "extra_body"
_PARAMETERS: Final = {
    "seed": "seed",
    "n": "n",
    "size": "size",
    "format": "output_format",
    "quality": "quality",
    "style": "style",
}


def read_flags(request: JobRequest, servers: Sequence[ModelServer]) -> JobRequest:
    """Return the request with the flags of its prompt as parameters, and the prompt without.

    Args:
        request: Whether it asks for this is its ``prompt_flags``; as it is, if it does not.
        servers: What models there are, and what they call flags.

    Raises:
        InputError: The prompt has flags that are wrong, or say what the request says too; each
            fault tells its character.
    """
    if not request.prompt_flags:
        return request
    if not request.kind.pictures:
        message = f"is for jobs of pictures; a job of kind {request.kind.value} has no flags"
        raise InputError(
            f"prompt_flags {message}", fields=[FieldError("/prompt_flags", message)]
        )
    prompt = request.input.get(_PROMPT)
    if not isinstance(prompt, str) or len(prompt) > MAX_PROMPT_CHARACTERS:
        # Whoever checks the input says it better.
        return request
    read = read_prompt(prompt)
    changes, faults = _Application(request, read, servers).changes()
    if faults:
        told = sorted(faults, key=lambda fault: fault.at)[:MOST_FAULTS]
        raise InputError(
            f"the flags of the prompt are not acceptable: {told[0]}",
            fields=[FieldError(_POINTER, str(fault)) for fault in told],
        )
    return request.model_copy(update=changes) if read.flags else request


def typed_prompt(request: JobRequest, parameters: Mapping[str, Any]) -> str | None:
    """Return the prompt as it was typed, if flags were taken off it.

    Args:
        request: As it was asked.
        parameters: Of the job that was made of it.
    """
    typed = request.input.get(_PROMPT) if request.prompt_flags else None
    return typed if isinstance(typed, str) and typed != parameters.get(_PROMPT) else None


class _Application:
    """What one prompt's flags change in its request."""

    def __init__(
        self, request: JobRequest, read: ReadPrompt, servers: Sequence[ModelServer]
    ) -> None:
        self._request = request
        self._read = read
        named = read.flags.get("model") or request.model
        model = named or default_model(servers, request.kind)
        self._specs = [
            (server, spec)
            for server in servers
            for spec in server.models
            if (spec.name, spec.kind) == (model, request.kind)
        ]
        self._faults = list(read.faults)
        self._input: dict[str, Any] = {**request.input, _PROMPT: read.text}
        self._extra: dict[str, Any] = {}

    def changes(self) -> tuple[dict[str, Any], list[FlagFault]]:
        """Return the fields that change, and what is wrong."""
        changes = dict(self._own())
        for flag, value in self._read.flags.items():
            self._take(flag, value)
        if self._extra:
            given = self._input.get(_EXTRA)
            # What is no object stays: whoever checks the input refuses it.
            if given is None or isinstance(given, dict):
                before = cast("dict[str, Any] | None", given) or {}
                self._input[_EXTRA] = {**before, **self._extra}
        return {**changes, "input": self._input}, self._faults

    def _own(self) -> Iterator[tuple[str, Any]]:
        """Yield what is the job's, not the model's."""
        given = self._request.model_fields_set
        for flag, value in self._read.flags.items():
            field = "lane" if flag in LANES else flag
            if field not in {"lane", "model"}:
                continue
            asked = Lane(flag) if field == "lane" else value
            before = getattr(self._request, field)
            if field in given and before is not None and before != asked:
                self._wrong(flag, f"the request names a {field} too: keep one")
            yield field, asked

    def _take(self, flag: str, value: FlagValue) -> None:
        name = self._mapped(flag)
        if name is not None:
            self._add(flag, name, value)
        elif flag in MAPPED:
            self._refuse(flag)
        elif flag == "ar":
            self._set(flag, "size", size_of(str(value), self._sizes()))
        elif flag in _PARAMETERS:
            self._set(flag, _PARAMETERS[flag], value)

    def _set(self, flag: str, parameter: str, value: FlagValue) -> None:
        if parameter not in INPUTS[self._request.kind].model_fields:
            kind = Kind(self._request.kind).value
            self._wrong(flag, f"jobs of kind {kind} have no {parameter}: leave it out")
        elif self._input.get(parameter) is not None:
            self._wrong(flag, f"input has {parameter} too: keep one")
        else:
            self._input[parameter] = value

    def _add(self, flag: str, name: str, value: FlagValue) -> None:
        given = self._input.get(_EXTRA)
        if name in self._extra or (isinstance(given, dict) and name in given):
            self._wrong(flag, f"extra_body has {name} too: keep one")
        else:
            self._extra[name] = value

    def _refuse(self, flag: str) -> None:
        if not self._specs:
            # There is no such model, which is said elsewhere.
            return
        if any(_name_of(flag, server, spec) for server, spec in self._specs):
            self._wrong(flag, "the servers of this model call it differently: leave it out")
        else:
            self._wrong(flag, "this model does not have it: leave it out, or ask its operator")

    def _mapped(self, flag: str) -> str | None:
        """Return what all servers of the model call a flag."""
        names = {_name_of(flag, server, spec) for server, spec in self._specs}
        return names.pop() if len(names) == 1 else None

    def _sizes(self) -> Sequence[str]:
        return next((spec.sizes for _, spec in self._specs if spec.sizes), ())

    def _wrong(self, flag: str, why: str) -> None:
        self._faults.append(FlagFault(self._read.places[flag], f"--{flag}: {why}"))


def _name_of(flag: str, server: ModelServer, spec: ModelSpec) -> str | None:
    told = dict(spec.flags).get(flag)
    if told is not None or flag != "no":
        return told
    inputs = [name for name, _ in spec.workflow.inputs] if spec.workflow is not None else []
    has_one = server.protocol is Protocol.COG or _NEGATIVE in inputs
    return _NEGATIVE if has_one else None
