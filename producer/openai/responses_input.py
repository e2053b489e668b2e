"""What a response is asked for, as a call of chat completions asks for it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, cast

from producer.openai.moderation_mode import refuse_scoring
from producer.openai.responses_faults import unsupported, wrong
from producer.openai.responses_messages import messages_of

IMAGE_TOOL: Final = "image_generation"

# What OpenAI has and genq cannot do; what asks for nothing is as good as absent.
_REFUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "conversation": "genq keeps no conversations; send the messages so far as input",
        "previous_response_id": "genq joins no responses; send the messages so far as input",
        "prompt": "genq has no prompt templates here; send input and instructions",
        "context_management": "genq does not shorten inputs; send what the model can take",
        "access_programs": "there are none here; leave it out",
        "truncation": "genq does not shorten inputs; leave it out, or set it to disabled",
    }
)
_HARMLESS: Final[Mapping[str, Sequence[Any]]] = MappingProxyType({"truncation": ("disabled",)})
_INCLUDABLE: Final = "message.output_text.logprobs"
# Names of chat completions that are called otherwise here.
_ELSEWHERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "messages": "input",
        "max_tokens": "max_output_tokens",
        "max_completion_tokens": "max_output_tokens",
        "response_format": "text.format",
        "reasoning_effort": "reasoning.effort",
        "verbosity": "text.verbosity",
        "logprobs": f"include: [{_INCLUDABLE!r}]",
    }
)
_ALONE: Final = "a response is one answer; submit several"
# What changes nothing here, or is taken from the body elsewhere.
_DROPPED: Final = frozenset(
    {
        "background", "image", "include", "input", "instructions", "max_tool_calls",
        "moderation", "n", "store", "stream", "stream_options", "text", "reasoning", "tools",
        "tool_choice", "max_output_tokens", "truncation",
    }
)  # fmt: skip


def chat_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of chat completions that asks for the same.

    Names that are no parameter of responses stay as they are.

    Raises:
        UnsupportedParameterError: It asks for something that genq cannot do.
        InputError: Something is of the wrong form.
    """
    given = {name: value for name, value in body.items() if value is not None}
    _refuse(given)
    chat = {name: value for name, value in given.items() if name not in _DROPPED}
    chat["messages"] = messages_of(given.get("input"), given.get("instructions"))
    if "max_output_tokens" in given:
        chat["max_completion_tokens"] = _tokens(given["max_output_tokens"])
    if "top_logprobs" in given or _INCLUDABLE in given.get("include", ()):
        chat["logprobs"] = True
    chat |= _shape(_object(given, "text"))
    effort = _object(given, "reasoning").get("effort")
    if effort is not None:
        if not isinstance(effort, str):
            wrong("reasoning.effort", "must be a word, such as low or high")
        chat["reasoning_effort"] = effort
    tools = [_tool(tool, place) for place, tool in enumerate(_list(given, "tools"))]
    if tools:
        chat["tools"] = tools
    if "tool_choice" in given:
        chat["tool_choice"] = _choice(given["tool_choice"])
    return chat


def image_tool_of(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the tool that makes pictures, if it is the one that a body names.

    Raises:
        UnsupportedParameterError: It names others as well: nothing here could choose.
    """
    tools = body.get("tools")
    named = cast("list[Any]", tools) if isinstance(tools, list) else []
    found = [
        cast("dict[str, Any]", tool)
        for tool in named
        if isinstance(tool, dict) and cast("dict[str, Any]", tool).get("type") == IMAGE_TOOL
    ]
    if found and len(named) > 1:
        unsupported("tools", f"{IMAGE_TOOL} goes alone here: no model chooses between tools")
    return found[0] if found else None


def refuse_common(body: Mapping[str, Any]) -> None:
    """Refuse what no response can have here, whatever it is made of.

    Raises:
        UnsupportedParameterError: It asks for something that genq cannot do.
        InputError: It uses a name of chat completions.
    """
    _refuse({name: value for name, value in body.items() if value is not None})


def _refuse(given: Mapping[str, Any]) -> None:
    for name, why in _REFUSED.items():
        if name in given and given[name] not in _HARMLESS.get(name, ()):
            unsupported(name, why)
    for place, item in enumerate(_list(given, "include")):
        if item != _INCLUDABLE:
            unsupported(f"include.{place}", f"genq can give {_INCLUDABLE} alone")
    if given.get("background") and given.get("store") is False:
        unsupported("store", "what runs in the background is kept until it is fetched")
    refuse_scoring(given)
    for name, ours in _ELSEWHERE.items():
        if name in given:
            wrong(name, f"unknown parameter; here it is {ours}")
    if given.get("n", 1) != 1:
        wrong("n", _ALONE)


def _tokens(most: Any) -> int:
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        wrong("max_output_tokens", "must be a whole number from 1 on")
    return most


def _shape(text: Mapping[str, Any]) -> dict[str, Any]:
    shape: dict[str, Any] = {}
    if text.get("verbosity") is not None:
        shape["verbosity"] = text["verbosity"]
    form = _object(text, "format", "text.format")
    match form.get("type"):
        case None | "text":
            pass
        case "json_object":
            shape["response_format"] = {"type": "json_object"}
        case "json_schema":
            rest = {k: v for k, v in form.items() if k != "type" and v is not None}
            shape["response_format"] = {"type": "json_schema", "json_schema": rest}
        case _:
            wrong("text.format.type", "must be text, json_object or json_schema")
    return shape


def _tool(tool: Any, place: int) -> dict[str, Any]:
    name = f"tools.{place}"
    if not isinstance(tool, dict):
        wrong(name, "must be an object")
    told = cast("dict[str, Any]", tool)
    if told.get("type") != "function":
        shown = str(told.get("type"))[:64]
        unsupported(
            name, f"genq runs no tool of type {shown}; function and {IMAGE_TOOL} are taken"
        )
    function = {k: v for k, v in told.items() if k != "type" and v is not None}
    if not isinstance(function.get("name"), str):
        wrong(f"{name}.name", "must be the name of a function")
    return {"type": "function", "function": function}


def _choice(choice: Any) -> Any:
    if isinstance(choice, str):
        if choice not in {"auto", "none", "required"}:
            wrong("tool_choice", "must be auto, none, required, or name a function")
        return choice
    told = cast("dict[str, Any]", choice) if isinstance(choice, dict) else {}
    match told.get("type"):
        case "function":
            return _named(told)
        case "allowed_tools":
            named = [_named(tool) for tool in _list(told, "tools", "tool_choice.tools")]
            allowed: dict[str, Any] = {"mode": told.get("mode", "auto"), "tools": named}
            return {"type": "allowed_tools", "allowed_tools": allowed}
        case _:
            return unsupported("tool_choice", "must be auto, none, required, or a function")


def _named(tool: Any) -> dict[str, Any]:
    told = cast("dict[str, Any]", tool) if isinstance(tool, dict) else {}
    if told.get("type") != "function" or not isinstance(told.get("name"), str):
        unsupported("tool_choice", "names functions, each by type and name")
    return {"type": "function", "function": {"name": told["name"]}}


def _object(given: Mapping[str, Any], name: str, shown: str | None = None) -> dict[str, Any]:
    value = given.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        wrong(shown or name, "must be an object")
    return cast("dict[str, Any]", value)


def _list(given: Mapping[str, Any], name: str, shown: str | None = None) -> list[Any]:
    value = given.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        wrong(shown or name, "must be a list")
    return cast("list[Any]", value)
