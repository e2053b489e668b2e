"""What a graph shows: read from its nodes, from an output back to words, seed and size."""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from infra.simulator.comfy_files import ComfyFiles, sides_of
from infra.simulator.comfy_nodes import LOADERS, Graph, link, upstream
from infra.simulator.gallery import Picture
from infra.simulator.painting.dice import fixed_number
from infra.simulator.wire import LARGEST_SIDE, SMALLEST_SIDE

_QUALITY: Final = 90
_USUAL_SIDE: Final = 512
_USUAL_STEPS: Final = 20
_MOST_PICTURES: Final = 16
_TEXTS: Final = ("text", "prompt", "value", "text_g", "clip_l", "t5xxl")


@dataclass(frozen=True, slots=True)
class Painting:
    """What an output node keeps.

    Attributes:
        prompt: The words of it.
        worded: The node that has them.
        pictures: At least one.
        sampler: The node that takes most of the time, if there is one.
        steps: Of the sampler.
        edits: Whether it begins with a picture.
    """

    prompt: str
    worded: str
    pictures: tuple[Picture, ...]
    sampler: str | None
    steps: int
    edits: bool


def painting_of(graph: Graph, output: str, files: ComfyFiles) -> Painting:
    """Return what an output node of a valid graph keeps."""
    nodes = upstream(graph, output)
    sampler = next((n for n in reversed(nodes) if "Sampler" in graph[n]["class_type"]), None)
    worded, prompt = _words(graph, nodes)
    sent = [_loaded(graph, node, files) for node in nodes]
    loaded = [data for data in sent if data is not None]
    seed = _number(graph, nodes, ("seed", "noise_seed"), fixed_number(prompt))
    if loaded:
        digest = hashlib.blake2b(b"".join(loaded), digest_size=8).hexdigest()
        seed = fixed_number(digest, seed)
    width, height = _sides(graph, nodes, loaded)
    count = min(_number(graph, nodes, ("batch_size",), 1), _MOST_PICTURES)
    pictures = tuple(
        Picture(prompt, seed, index, width, height, "png", _QUALITY) for index in range(count)
    )
    steps = _number(graph, nodes, ("steps",), _USUAL_STEPS)
    return Painting(prompt, worded, pictures, sampler, min(steps, 150), bool(loaded))


def _words(graph: Graph, nodes: list[str]) -> tuple[str, str]:
    """Return the words that lead to ``positive``, or else the first."""
    for node in reversed(nodes):
        inputs = graph[node]["inputs"]
        start = link(inputs.get("positive")) or link(inputs.get("conditioning"))
        found = _texts(graph, upstream(graph, start)) if start in graph else []
        if found:
            return found[-1]
    return next(iter(_texts(graph, nodes)), (nodes[-1], "a picture"))


def _texts(graph: Graph, nodes: list[str]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for node in nodes:
        inputs: dict[str, Any] = graph[node]["inputs"]
        said = [inputs.get(name) for name in _TEXTS]
        found += [(node, text) for text in said if isinstance(text, str) and text.strip()][:1]
    return found


def _number(graph: Graph, nodes: list[str], names: tuple[str, ...], usual: int) -> int:
    for node in nodes:
        for name in names:
            value = graph[node]["inputs"].get(name)
            before = link(value)
            if before in graph:
                value = graph[before]["inputs"].get("value")
            if isinstance(value, int):
                return value
    return usual


def _sides(graph: Graph, nodes: list[str], loaded: list[bytes]) -> tuple[int, int]:
    usual = (sides_of(loaded[0]) if loaded else None) or (_USUAL_SIDE, _USUAL_SIDE)
    sides = (
        _number(graph, nodes, (name,), side)
        for name, side in zip(("width", "height"), usual, strict=True)
    )
    width, height = (min(max(side, SMALLEST_SIDE), LARGEST_SIDE) for side in sides)
    return width, height


def _loaded(graph: Graph, node: str, files: ComfyFiles) -> bytes | None:
    if graph[node]["class_type"] not in LOADERS:
        return None
    return files.named(str(graph[node]["inputs"].get("image")))
