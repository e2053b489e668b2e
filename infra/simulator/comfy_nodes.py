"""The nodes that the simulator knows, and what ComfyUI says to a graph that does not fit."""

from collections.abc import Callable, Iterator
from typing import Any, Final, cast

Graph = dict[str, dict[str, Any]]

OUTPUTS: Final = {"SaveImage": "output", "PreviewImage": "temp"}
"""The nodes that keep pictures, and the folder of each."""
LOADERS: Final = frozenset({"LoadImage", "LoadImageMask"})

# Those of ComfyUI's own that common workflows are made of. What a picture shows is decided by
# words, seed, size and loaded pictures; the others are taken and change nothing.
_KNOWN: Final = frozenset(
    {
        "BasicGuider", "BasicScheduler", "CFGGuider", "CheckpointLoader",
        "CheckpointLoaderSimple", "CLIPLoader", "CLIPSetLastLayer", "CLIPTextEncode",
        "CLIPTextEncodeFlux", "CLIPTextEncodeSDXL", "CLIPTextEncodeSDXLRefiner",
        "CLIPVisionEncode", "CLIPVisionLoader", "ConditioningAverage", "ConditioningCombine",
        "ConditioningConcat", "ConditioningSetTimestepRange", "ConditioningZeroOut",
        "ControlNetApply", "ControlNetApplyAdvanced", "ControlNetLoader", "DualCLIPLoader",
        "EmptyFlux2LatentImage", "EmptyLatentImage", "EmptySD3LatentImage", "FluxGuidance",
        "FluxKontextImageScale", "GrowMask", "ImageBatch", "ImageCompositeMasked",
        "ImageInvert", "ImagePadForOutpaint", "ImageScale", "ImageScaleBy",
        "ImageScaleToTotalPixels", "ImageToMask", "ImageUpscaleWithModel",
        "InpaintModelConditioning", "InvertMask", "KSampler", "KSamplerAdvanced",
        "KSamplerSelect", "LatentUpscale", "LatentUpscaleBy", "LoadImage", "LoadImageMask",
        "LoraLoader", "LoraLoaderModelOnly", "MaskToImage", "ModelSamplingAuraFlow",
        "ModelSamplingDiscrete", "ModelSamplingFlux", "ModelSamplingSD3", "PreviewImage",
        "PrimitiveBoolean", "PrimitiveFloat", "PrimitiveInt", "PrimitiveString",
        "PrimitiveStringMultiline", "QuadrupleCLIPLoader", "RandomNoise", "ReferenceLatent",
        "RepeatLatentBatch", "SamplerCustom", "SamplerCustomAdvanced", "SaveImage",
        "SetLatentNoiseMask", "TextEncodeQwenImageEdit", "TripleCLIPLoader",
        "unCLIPConditioning", "UNETLoader", "UpscaleModelLoader", "VAEDecode",
        "VAEDecodeTiled", "VAEEncode", "VAEEncodeForInpaint", "VAEEncodeTiled", "VAELoader",
    }
)  # fmt: skip
_SEED: Final = (int, 0, 2**64 - 1)
_SIDE: Final = (int, 16, 16_384)
# What is checked of them: type, least, most.
_CHECKED: Final[dict[str, dict[str, tuple[type, float, float]]]] = {
    "KSampler": {"seed": _SEED, "steps": (int, 1, 10_000), "cfg": (float, 0, 100)},
    "KSamplerAdvanced": {"noise_seed": _SEED, "steps": (int, 1, 10_000)},
    "RandomNoise": {"noise_seed": _SEED},
    "EmptyLatentImage": {"width": _SIDE, "height": _SIDE, "batch_size": (int, 1, 4096)},
    "EmptySD3LatentImage": {"width": _SIDE, "height": _SIDE, "batch_size": (int, 1, 4096)},
    "CLIPTextEncode": {"text": (str, 0, 0)},
}
_FAILED: Final = "prompt_outputs_failed_validation"


class InvalidPromptError(Exception):
    """A graph that is not taken.

    Attributes:
        body: What the answer 400 says.
    """

    def __init__(
        self, error: dict[str, Any], node_errors: dict[str, Any] | None = None
    ) -> None:
        super().__init__(error["message"])
        self.body: dict[str, Any] = {
            "error": {"extra_info": {}, **error},
            "node_errors": node_errors or {},
        }


def outputs_of(graph: Graph, has_file: Callable[[str], bool]) -> list[str]:
    """Return the nodes that are to be made.

    Raises:
        InvalidPromptError: ComfyUI would not take the graph.
    """
    for node, told in graph.items():
        class_type = told.get("class_type")
        if class_type not in _KNOWN:
            raise InvalidPromptError(
                {
                    "type": "missing_node_type",
                    "message": f"Node '{class_type}' not found. The custom node may not be "
                    "installed.",
                    "details": f"Node ID '#{node}'",
                    "extra_info": {"node_id": node, "class_type": class_type},
                }
            )
    outputs = [node for node, told in graph.items() if told["class_type"] in OUTPUTS]
    if not outputs:
        raise InvalidPromptError(
            {"type": "prompt_no_outputs", "message": "Prompt has no outputs", "details": ""}
        )
    node_errors = _node_errors(graph, outputs, has_file)
    if node_errors:
        raise failed_validation(node_errors)
    return outputs


def failed_validation(node_errors: dict[str, Any]) -> InvalidPromptError:
    """Return the refusal of a graph for what is wrong with its nodes."""
    reasons = [reason for told in node_errors.values() for reason in told["errors"]]
    said = "\n".join(f"{reason['message']}: {reason['details']}" for reason in reasons)
    error = {"type": _FAILED, "message": "Prompt outputs failed validation", "details": said}
    return InvalidPromptError(error, node_errors)


def node_error(graph: Graph, node: str, reason: dict[str, Any]) -> dict[str, Any]:
    """Return what is wrong with one node."""
    outputs = [name for name, told in graph.items() if told["class_type"] in OUTPUTS]
    return {
        node: {
            "errors": [reason],
            "dependent_outputs": outputs,
            "class_type": graph[node]["class_type"],
        }
    }


def upstream(graph: Graph, node: str) -> list[str]:
    """Return a node and all before it, in the order in which they run.

    Raises:
        InvalidPromptError: They go round in a circle, or lead to no node.
    """
    order: list[str] = []
    path: list[str] = []

    def visit(name: str) -> None:
        if name in order:
            return
        if name in path:
            raise _cycle(graph, [*path[path.index(name) :], name])
        path.append(name)
        for before in _links(graph, name):
            visit(before)
        path.pop()
        order.append(name)

    visit(node)
    return order


def link(value: object) -> str | None:
    """Return the node that an input comes from, if it comes from one."""
    if isinstance(value, list):
        items = cast("list[object]", value)
        return str(items[0]) if len(items) == 2 else None  # noqa: PLR2004 - node and slot
    return None


def _links(graph: Graph, node: str) -> Iterator[str]:
    for value in graph[node]["inputs"].values():
        before = link(value)
        if before is None:
            continue
        if before not in graph:
            reason = {
                "type": "exception_during_validation",
                "message": "Exception when validating node",
                "details": f"'{before}'",
                "extra_info": {"exception_type": "KeyError"},
            }
            raise failed_validation(node_error(graph, node, reason))
        yield before


def _cycle(graph: Graph, nodes: list[str]) -> InvalidPromptError:
    reason = {
        "type": "dependency_cycle",
        "message": "Dependency cycle detected",
        "details": " -> ".join(f"{node} ({graph[node]['class_type']})" for node in nodes),
        "extra_info": {"node_id": nodes[0], "cycle_nodes": nodes},
    }
    return failed_validation(node_error(graph, nodes[0], reason))


def _node_errors(
    graph: Graph, outputs: list[str], has_file: Callable[[str], bool]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for output in outputs:
        for node in upstream(graph, output):
            told = graph[node]
            reasons = list(_reasons(told["class_type"], told["inputs"], has_file))
            if reasons:
                found[node] = {**node_error(graph, node, reasons[0])[node], "errors": reasons}
    return found


def _reasons(
    class_type: str, inputs: dict[str, Any], has_file: Callable[[str], bool]
) -> Iterator[dict[str, Any]]:
    for name, (kind, least, most) in _CHECKED.get(class_type, {}).items():
        if name not in inputs:
            yield _reason("required_input_missing", "Required input is missing", name, name)
            continue
        value = inputs[name]
        if isinstance(value, list):
            continue
        try:
            converted = inputs[name] = kind(value)
        except (TypeError, ValueError) as error:
            said = f"Failed to convert an input value to a {kind.__name__.upper()} value"
            yield _reason("invalid_input_type", said, f"{name}, {value}, {error}", name)
            continue
        if kind is str:
            continue
        if converted < least:
            said = f"Value {value} smaller than min of {least}"
            yield _reason("value_smaller_than_min", said, name, name)
        elif converted > most:
            said = f"Value {value} bigger than max of {most}"
            yield _reason("value_bigger_than_max", said, name, name)
    if class_type in LOADERS and not has_file(str(inputs.get("image"))):
        details = f"image - Invalid image file: {inputs.get('image')}"
        said = "Custom validation failed for node"
        yield _reason("custom_validation_failed", said, details, "image")


def _reason(kind: str, message: str, details: str, name: str) -> dict[str, Any]:
    return {
        "type": kind,
        "message": message,
        "details": details,
        "extra_info": {"input_name": name},
    }
