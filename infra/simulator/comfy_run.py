"""One prompt of a ComfyUI server: a graph, and what is told while it runs."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from infra.clock import Clock
from infra.simulator.comfy_nodes import Graph
from infra.simulator.comfy_sockets import ComfySockets
from infra.simulator.script import Fault


@dataclass(order=True, slots=True)
class Prompt:
    """A graph in the queue.

    Attributes:
        number: Its place: the smallest runs next.
        seconds: How long it takes.
        fault: What goes wrong with it.
        ended: Set when it is neither in the queue nor under way.
    """

    number: float
    prompt_id: str = field(compare=False)
    graph: Graph = field(compare=False, repr=False)
    extra: dict[str, Any] = field(compare=False)
    outputs: list[str] = field(compare=False)
    seconds: float = field(default=0.0, compare=False)
    fault: Fault | None = field(default=None, compare=False)
    ended: asyncio.Event = field(default_factory=asyncio.Event, compare=False)

    def row(self) -> list[Any]:
        """Return what the queue shows of it."""
        return [self.number, self.prompt_id, self.graph, self.extra, self.outputs]


class BreakError(Exception):
    """An exception in a node.

    Attributes:
        kind: Its class, as Python calls it.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Run:
    """One prompt while it runs, and what is told of it."""

    def __init__(self, prompt: Prompt, sockets: ComfySockets, clock: Clock) -> None:
        self.prompt = prompt
        self.client: str = str(prompt.extra.get("client_id", ""))
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.executed: list[str] = []
        self.node = ""
        self._sockets = sockets
        self._clock = clock
        self._nodes: dict[str, dict[str, Any]] = {}

    @property
    def succeeded(self) -> bool:
        """Whether it went well."""
        return self.messages[-1][0] == "execution_success"

    def tell(self, event: str, data: Mapping[str, Any]) -> None:
        """Tell whoever submitted it."""
        about = {**data, "prompt_id": self.prompt.prompt_id}
        self._sockets.tell(event, about, client=self.client)

    def note(self, event: str, data: Mapping[str, Any]) -> None:
        """Tell, and keep for the history."""
        now = int(self._clock.now().timestamp() * 1000)
        kept = {**data, "prompt_id": self.prompt.prompt_id, "timestamp": now}
        self.messages.append((event, kept))
        self.tell(event, kept)

    def show(self, node: str, output: Mapping[str, Any]) -> None:
        """Tell what an output node has made."""
        self.tell("executed", {"node": node, "display_node": node, "output": output})

    def progress(self, node: str, value: int, most: int, *, state: str = "running") -> None:
        """Tell how far a node is."""
        prompt_id = self.prompt.prompt_id
        told = {"value": value, "max": most, "state": state, "node_id": node}
        self._nodes[node] = {**told, "prompt_id": prompt_id, "display_node_id": node}
        self.tell("progress_state", {"nodes": self._nodes})

    def place(self) -> dict[str, Any]:
        """Return which node runs."""
        return {
            "node_id": self.node,
            "node_type": self.prompt.graph[self.node]["class_type"],
        }

    def failed(self, error: BreakError) -> None:
        """Tell that the node which runs has failed."""
        told = {
            "executed": self.executed,
            "exception_message": f"{error}\n",
            "exception_type": error.kind,
            "traceback": [],
            "current_inputs": orjson.loads(
                orjson.dumps(self.prompt.graph[self.node]["inputs"])
            ),
            "current_outputs": self.executed,
        }
        self.note("execution_error", self.place() | told)
