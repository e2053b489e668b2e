"""A ComfyUI workflow as a model: a graph of nodes, and where in it genq's parameters go."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Self, cast

from pydantic import ConfigDict, Field, field_validator, model_validator

from schemas.generation import Kind
from schemas.shape import Shape

Graph = dict[str, dict[str, Any]]
"""Nodes by their ids, as ComfyUI's ``POST /prompt`` takes them."""

Target = Annotated[str, Field(pattern=r"^[^.\s]+\..+$", max_length=256)]
"""An input of a node: ``6.text`` is ``text`` of node 6."""

PICTURES: Final = "images"
COMFY_CONCURRENCY: Final = 2
"""Calls in flight where nothing is said: ComfyUI runs one prompt at a time; the next waits."""

_EXPORT: Final = "export it from ComfyUI with Export (API)"


class ComfyWorkflow(Shape):
    """What a model of a ComfyUI server runs.

    Attributes:
        file: The path of the graph, as ComfyUI's *Export (API)* writes it; workers read it when
            they start.
        graph: The same as a table, in the place of a file; kept as JSON.
        inputs: Where parameters go: ``{"prompt": "6.text", "seed": ["3.seed", "12.seed"]}``.
            Of ``images`` the first picture goes to the first input, and so on; any other goes
            to each of its inputs. ``size`` goes as ``width`` and ``height``. Names that genq
            does not know are parameters of ``extra_body``, such as ``negative_prompt``.
        outputs: The nodes whose pictures are the answer, in this order. Without any: all that
            the workflow saves, without what it only shows (ComfyUI's ``temp``).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    file: Annotated[str, Field(min_length=1)] | None = None
    graph: str | None = None
    inputs: tuple[tuple[str, Annotated[tuple[Target, ...], Field(min_length=1)]], ...]
    outputs: tuple[str, ...] = ()

    @field_validator("graph", mode="before")
    @classmethod
    def _as_text(cls, graph: object) -> object:
        # What servers are known by must not change: a table becomes text.
        return json.dumps(graph) if isinstance(graph, Mapping) else graph

    @field_validator("inputs", mode="before")
    @classmethod
    def _pairs(cls, inputs: object) -> object:
        if not isinstance(inputs, Mapping):
            return inputs
        table = cast("Mapping[object, object]", inputs)
        return tuple((k, (v,) if isinstance(v, str) else v) for k, v in table.items())

    @model_validator(mode="after")
    def _one_graph(self) -> Self:
        if (self.file is None) == (self.graph is None):
            raise ValueError("a workflow needs either file or graph")
        return self

    def targets(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return where a parameter goes: nodes and their inputs; nowhere if it is unknown."""
        return next((_split(targets) for known, targets in self.inputs if known == name), ())

    def names(self) -> frozenset[str]:
        """Return the parameters that go anywhere."""
        return frozenset(name for name, _ in self.inputs)

    def name_of(self, node: str, of_node: str) -> str | None:
        """Return which parameter goes to this input of a node."""
        place = (node, of_node)
        return next((n for n, targets in self.inputs if place in _split(targets)), None)


def parse_graph(text: str | bytes) -> Graph:
    """Return the graph that JSON holds.

    Raises:
        ValueError: It is none; the message says what is wrong.
    """
    try:
        found = json.loads(text)
    except ValueError:
        raise ValueError(f"is not JSON: {_EXPORT}") from None
    if not isinstance(found, dict) or not found:
        raise ValueError(f"is no table of nodes: {_EXPORT}")
    table = cast("dict[str, Any]", found)
    if isinstance(table.get("nodes"), list):
        raise ValueError(  # noqa: TRY004 - what stands in a file, not what was called
            f"is what the editor saves, which the API does not take: {_EXPORT}"
        )
    # A whole request, as scripts keep it.
    inner = table.get("prompt")
    whole = isinstance(inner, dict) and "class_type" not in inner
    graph = cast("dict[str, Any]", inner if whole else table)
    for node, told in graph.items():
        inside = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
        for name, kind in (("inputs", dict), ("class_type", str)):
            if not isinstance(inside.get(name), kind):
                raise ValueError(  # noqa: TRY004 - as above
                    f"has a node {node} without {name}: {_EXPORT}"
                )
    return graph


def faults_of(workflow: ComfyWorkflow, graph: Graph, kind: Kind) -> Iterator[str]:
    """Tell what does not fit together: nodes and inputs that the graph does not have."""
    needed = PICTURES if kind is Kind.IMAGE_EDIT else "prompt"
    if not workflow.targets(needed):
        yield f'{kind} needs a place for {needed}: add it to inputs, as "NODE.INPUT"'
    for name, _ in workflow.inputs:
        for node, of_node in workflow.targets(name):
            fault = _fault(graph, node, of_node)
            if fault:
                yield f"inputs: {name}: {fault}"
    for node in workflow.outputs:
        if node not in graph:
            yield f"outputs: {_no_node(graph, node)}"


def _fault(graph: Graph, node: str, of_node: str) -> str | None:
    if node not in graph:
        return _no_node(graph, node)
    inputs: dict[str, Any] = graph[node]["inputs"]
    if of_node not in inputs:
        known = ", ".join(sorted(inputs)) or "none"
        return f"node {node} has no input {of_node}; it has {known}"
    if isinstance(inputs[of_node], list):
        feeder = inputs[of_node][0] if inputs[of_node] else "another"
        return f"{node}.{of_node} comes from node {feeder}: name an input of that node"
    return None


def _no_node(graph: Graph, node: str) -> str:
    shown = sorted(graph, key=lambda name: (len(name), name))[:20]
    return f"there is no node {node}; there are {', '.join(shown)}"


def _split(targets: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    parts = (target.partition(".") for target in targets)
    return tuple((node, of_node) for node, _, of_node in parts)
