"""What a ComfyUI server is asked: a workflow's graph with a job's parameters in it."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from schemas.claim import Claim
from schemas.comfy_workflow import PICTURES, ComfyWorkflow, Graph, faults_of, parse_graph
from schemas.errors import FieldError, InputError, SettingsError
from schemas.generation import refuse_repeated
from schemas.model_catalog import ModelServer, ModelSpec
from worker.providers.seeds import chosen_seed

# Hints that a workflow need not know: a job that gives one gets its picture, and is told.
_HINTS: Final = frozenset(
    {
        "background", "input_fidelity", "moderation", "output_compression", "output_format",
        "quality", "style",
    }
)  # fmt: skip
_OWN: Final = frozenset({"height", "mask", "n", "prompt", "seed", "width", PICTURES})
_AUTO: Final = "auto"
_PREFIX: Final = "filename_prefix"
# An input that no node knows: ComfyUI ignores it, and yet counts it among what has changed.
_UNIQUE: Final = "genq_prompt"
_MOST_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow as it was read when the worker started."""

    told: ComfyWorkflow
    graph: Graph


@dataclass(frozen=True, slots=True)
class Asked:
    """What one job asks of a workflow.

    Attributes:
        values: By parameter.
        pictures: Data URLs by the inputs (node and name) that they go to.
        seed: Decides the pictures, if the workflow takes one.
        ignored: Parameters that mean nothing to the workflow.
    """

    values: Mapping[str, Any]
    pictures: Mapping[tuple[str, str], str]
    seed: int | None
    ignored: tuple[str, ...]


def open_workflow(server: ModelServer, spec: ModelSpec) -> Workflow:
    """Return the workflow of a model; reads its file.

    Raises:
        SettingsError: There is no such file, or the graph and the inputs do not fit together.
    """
    told = spec.workflow
    where = f"model_servers: {server.name}: {spec.name}: workflow"
    if told is None:
        raise SettingsError(f"{where} is missing")
    try:
        graph = parse_graph(_read(told.file) if told.graph is None else told.graph)
    except OSError as error:
        raise SettingsError(f"{where}: {told.file}: {error.strerror or 'unreadable'}") from None
    except ValueError as error:
        raise SettingsError(f"{where}: {told.file or 'graph'} {error}") from None
    for fault in faults_of(told, graph, spec.kind):
        raise SettingsError(f"{where}: {fault}")
    return Workflow(told, graph)


def asked_of(claim: Claim, workflow: Workflow) -> Asked:
    """Return what a job asks.

    A seed is chosen where none is given and the workflow takes one: ComfyUI would otherwise
    make the picture that it made last.

    Raises:
        InputError: It gives what the workflow has no place for, or leaves out a picture.
    """
    given = dict(claim.input)
    extra: Mapping[str, Any] = given.pop("extra_body", None) or {}
    refuse_repeated(extra, claim.kind)
    for name, value in extra.items():
        _refuse_unplain(name, value)
    pictures = _placed(claim, workflow.told, given)
    size: str | None = given.pop("size", None)
    if size is not None and size != _AUTO:
        width, _, height = size.partition("x")
        given |= {"width": int(width), "height": int(height)}
    known = workflow.told.names()
    # The graph may say otherwise.
    given.setdefault("n", 1)
    if given["n"] == 1 and "n" not in known:
        del given["n"]
    seed: int | None = given.get("seed")
    if seed is None and "seed" in known:
        seed = given["seed"] = chosen_seed(claim.job_id)
    ignored = tuple(sorted(name for name in given if name in _HINTS - known))
    needed = {name: value for name, value in given.items() if name not in ignored}
    # Every edit comes with words; one that only enlarges has no place for them.
    if pictures and "prompt" not in known:
        ignored = (*ignored, "prompt")
        del needed["prompt"]
    _refuse_unknown(claim, {**extra, **needed}, known)
    return Asked({**extra, **needed}, pictures, seed, ignored)


def graph_of(
    workflow: Workflow,
    asked: Asked,
    uploaded: Mapping[tuple[str, str], str],
    *,
    prompt_id: str,
) -> Graph:
    """Return the graph to run.

    What saves its pictures is never the same twice: a server that remembers the files of an
    earlier prompt would name them again, though they are gone, or another's by now.

    Args:
        workflow: As it was read.
        asked: Of it.
        uploaded: What the server calls the pictures, by the inputs that they go to.
        prompt_id: Stands in the names of the files.
    """
    graph = deepcopy(workflow.graph)
    for name, value in asked.values.items():
        for node, of_node in workflow.told.targets(name):
            graph[node]["inputs"][of_node] = value
    for (node, of_node), called in uploaded.items():
        graph[node]["inputs"][of_node] = called
    for node, told in graph.items():
        inputs: dict[str, Any] = told["inputs"]
        if isinstance(prefix := inputs.get(_PREFIX), str):
            inputs[_PREFIX] = f"{prefix}-{prompt_id}"
        elif node in workflow.told.outputs:
            inputs[_UNIQUE] = prompt_id
    return graph


def _read(file: str | None) -> bytes:
    with Path(file or "").expanduser().open("rb") as opened:
        found = opened.read(_MOST_BYTES + 1)
    if len(found) > _MOST_BYTES:
        raise ValueError(f"has more than {_MOST_BYTES} bytes")
    return found


def _placed(
    claim: Claim, told: ComfyWorkflow, given: dict[str, Any]
) -> dict[tuple[str, str], str]:
    """Take the pictures out of ``given``, and return the input that each goes to."""
    images: Sequence[str] = given.pop(PICTURES, None) or []
    mask: str | None = given.pop("mask", None)
    places, mask_places = told.targets(PICTURES), told.targets("mask")
    if len(images) != len(places):
        one = "one picture" if len(places) == 1 else f"{len(places)} pictures"
        raise _fault(PICTURES, f"{claim.model} takes {one}: send as many")
    if mask is None and mask_places:
        raise _fault("mask", f"{claim.model} needs a mask: send one")
    if mask is not None and not mask_places:
        raise _fault("mask", f"{claim.model} takes no mask: leave it out")
    placed = dict(zip(places, images, strict=True))
    return placed | ({} if mask is None else dict.fromkeys(mask_places, mask))


def _refuse_unplain(name: str, value: object) -> None:
    # A list would be a link to another node.
    if not isinstance(value, str | int | float | bool):
        raise _fault(f"extra_body/{name}", "must be text, a number, true or false")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise _fault(f"extra_body/{name}", "does not fit into 64 bits")


def _refuse_unknown(claim: Claim, given: Mapping[str, Any], known: frozenset[str]) -> None:
    extra: Mapping[str, Any] = claim.input.get("extra_body") or {}
    for name in given:
        if name in known:
            continue
        if name == "n":
            raise _fault("n", f"{claim.model} makes one picture at a time: ask for one")
        if name in extra:
            own = sorted(known - _OWN)
            raise _fault(
                f"extra_body/{name}",
                f"{claim.model} has no such parameter; it takes {', '.join(own) or 'none'}",
            )
        place = "size" if name in {"width", "height"} else name
        raise _fault(place, f"{claim.model} has no place for it: leave it out")


def _fault(place: str, what: str) -> InputError:
    pointer = f"/input/{place}"
    return InputError(f"{pointer}: {what}", fields=[FieldError(pointer, what)])
