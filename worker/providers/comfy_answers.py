"""What a ComfyUI server answers: what became of a prompt, and why one was not taken."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from schemas.comfy_workflow import ComfyWorkflow
from schemas.errors import (
    GenqError,
    ModelBadAnswerError,
    ModelError,
    ModelRefusedError,
    ModelUnavailableError,
)
from schemas.model_errors import ModelMisconfiguredError

SAVED: Final = "output"
_ERROR: Final = "execution_error"
_INTERRUPTED: Final = "execution_interrupted"
# Of an error for the whole prompt: the graph does not fit the server.
_CONFIGURATION: Final = frozenset(
    {
        "dependency_cycle", "invalid_prompt", "missing_node_type", "no_prompt",
        "prompt_no_outputs",
    }
)  # fmt: skip

# The words by which nodes that look at what was made say that they keep it.
_WITHHELD: Final = re.compile(r"(?i)\bnsfw\b|safety (?:checker|filter)|content policy")
_MEMORY: Final = re.compile(r"(?i)out of ?memory|\bOOM\b|MemoryError|allocation on device")
# What may go well the next time, or on another machine.
_MACHINE: Final = re.compile(
    r"(?i)\b(?:CUDA|HIP|XPU|NCCL|cuDNN|cuBLAS|MPS backend)\b.{0,40}error|CUDA error"
    r"|no space left on device|Connection(?:Error|Reset|Refused)|Timeout(?:Error)?\b"
)
_MISSING: Final = re.compile(r"(?:FileNotFound|Import|ModuleNotFound)Error$")


class Submitted(BaseModel):
    """The answer to ``POST /prompt``."""

    model_config = ConfigDict(frozen=True)

    prompt_id: str
    node_errors: JsonValue = None


class File(BaseModel):
    """A picture on the server."""

    model_config = ConfigDict(frozen=True)

    filename: str
    subfolder: str = ""
    type: str = SAVED


class Status(BaseModel):
    """How a prompt ended."""

    model_config = ConfigDict(frozen=True)

    status_str: str = ""
    messages: list[tuple[str, dict[str, JsonValue]]] = []


class _Output(BaseModel):
    images: list[JsonValue] = []


class Entry(BaseModel):
    """A prompt in the server's history; unknown members are left alone."""

    model_config = ConfigDict(frozen=True)

    outputs: dict[str, JsonValue] = {}
    status: Status | None = None

    def files(self, wanted: Sequence[str]) -> list[File]:
        """Return the pictures of the nodes ``wanted``; of none: of all, what was saved."""
        nodes = wanted or list(self.outputs)
        found = [file for node in nodes for file in _files(self.outputs.get(node))]
        return found if wanted else [file for file in found if file.type == SAVED]

    def failure(self, server: str) -> GenqError | None:
        """Return why the prompt did not succeed, if it did not."""
        if self.status is None or self.status.status_str == "success":
            return None
        told = dict(self.status.messages)
        if _INTERRUPTED in told:
            return ModelUnavailableError(
                f"model server {server} broke the prompt off: submit the job again later"
            )
        return failure_of_execution(told.get(_ERROR, {}), server=server)


class Queue(BaseModel):
    """The answer to ``GET /queue``: each item is number, id, graph and more."""

    model_config = ConfigDict(frozen=True)

    queue_running: list[list[Any]] = []
    queue_pending: list[list[Any]] = []

    def running(self) -> frozenset[str]:
        """Return the ids of what runs."""
        return frozenset(_ids(self.queue_running))

    def ids(self) -> frozenset[str]:
        """Return the ids of what runs or waits."""
        return self.running() | frozenset(_ids(self.queue_pending))


class _Reason(BaseModel):
    type: str = ""
    extra_info: JsonValue = None


class _NodeErrors(BaseModel):
    errors: list[_Reason] = []
    dependent_outputs: list[str] = []


class _Refused(BaseModel):
    error: _Reason | str = ""
    node_errors: dict[str, _NodeErrors] | list[JsonValue] = {}


def failure_of_execution(told: Mapping[str, JsonValue], *, server: str) -> GenqError:
    """Return the taxonomy's form of an exception in a node.

    The node's own words are not published: they may quote the prompt or a path.
    """
    kind, message = str(told.get("exception_type", "")), str(told.get("exception_message", ""))
    said = f"{kind}: {message}"
    if _WITHHELD.search(said):
        return ModelRefusedError(
            f"model server {server} withheld its answer: its safety system does not accept "
            "the input or the output; change the input and submit again"
        )
    if _MEMORY.search(said):
        return ModelUnavailableError(
            f"model server {server} ran out of memory: submit the job again later, or ask for "
            "a smaller size"
        )
    if _MACHINE.search(said):
        return ModelUnavailableError(
            f"model server {server} failed: submit the job again later"
        )
    if _MISSING.search(kind):
        return _misconfigured(server, "misses a file or a module that the workflow needs")
    return ModelError(
        f"model server {server} failed at these parameters: change them and submit the job "
        "again; its own log says more"
    )


def refusal_of_prompt(body: bytes, workflow: ComfyWorkflow, *, server: str) -> GenqError | None:
    """Return what a 400 for a prompt means; ``None``: it is none of ComfyUI's."""
    try:
        refused = _Refused.model_validate_json(body)
    except ValidationError:
        return None
    kind = refused.error.type if isinstance(refused.error, _Reason) else ""
    if kind in _CONFIGURATION:
        return _misconfigured(server, "does not know a node of the workflow, or its end")
    blamed = _blamed(refused.node_errors, workflow)
    if blamed is None:
        return (
            None
            if not kind
            else ModelError(
                f"model server {server} refused the workflow: an operator must correct it; its "
                "own log says more"
            )
        )
    if not blamed:
        return _misconfigured(
            server, "does not have a file that the workflow names, or refuses one of its inputs"
        )
    return ModelError(
        f"model server {server} refused parameter {', '.join(blamed)}: change it and submit "
        "the job again"
    )


def refuse_partial(submitted: Submitted, wanted: Collection[str], *, server: str) -> None:
    """Refuse a prompt of which the server will not make an output that is wanted.

    Where no outputs are named, all of them are.

    Raises:
        ModelMisconfiguredError: A node before that output is refused.
    """
    try:
        told = _Refused.model_validate({"node_errors": submitted.node_errors or {}})
    except ValidationError:
        return
    if isinstance(told.node_errors, dict):
        left_out = {o for one in told.node_errors.values() for o in one.dependent_outputs}
        if left_out and (not wanted or not left_out.isdisjoint(wanted)):
            raise _misconfigured(server, "refuses a part of the workflow")


def _blamed(
    node_errors: Mapping[str, _NodeErrors] | Sequence[JsonValue], workflow: ComfyWorkflow
) -> list[str] | None:
    """Return the parameters that are wrong; ``None``: no node is blamed."""
    if not isinstance(node_errors, Mapping) or not node_errors:
        return None
    found: list[str] = []
    for node, told in node_errors.items():
        for reason in told.errors:
            info = reason.extra_info if isinstance(reason.extra_info, dict) else {}
            name = workflow.name_of(node, str(info.get("input_name", "")))
            if name is None:
                # One that no caller can mend.
                return []
            found.append(name)
    return sorted(set(found))


def _misconfigured(server: str, what: str) -> ModelMisconfiguredError:
    return ModelMisconfiguredError(
        f"model server {server} {what}: an operator must correct the workflow or the server"
    )


def _files(output: JsonValue) -> Iterator[File]:
    try:
        images = _Output.model_validate(output or {}).images
    except ValidationError:
        return
    for image in images:
        try:
            yield File.model_validate(image)
        except ValidationError:
            continue


def _ids(items: Sequence[Sequence[Any]]) -> Iterator[str]:
    for item in items:
        if len(item) > 1:
            yield str(cast("object", item[1]))


def bad_answer(server: str, what: str) -> ModelBadAnswerError:
    """Return the error of an answer that cannot be used, for ``what`` it is."""
    return ModelBadAnswerError(
        f"model server {server} gave an answer {what}: submit the job again later"
    )
