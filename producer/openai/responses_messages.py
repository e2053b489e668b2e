"""The input of a response as the messages of a conversation."""

from typing import Any, Final, cast

from producer.openai.responses_faults import unsupported, wrong

_ROLES: Final = ("user", "assistant", "system", "developer")
_TEXTS: Final = ("input_text", "output_text", "text", "summary_text")
# What models said beside their answers; the next answer does without.
_PASSED_OVER: Final = ("reasoning", "compaction")
_TAKEN: Final = "input_text, input_image, output_text and refusal are taken"


def messages_of(given: Any, instructions: Any) -> list[dict[str, Any]]:
    """Return the messages that ``input`` and ``instructions`` stand for.

    Args:
        given: A text, or a list of items: messages, calls of functions, what these returned.
        instructions: Come first, as the system's.

    Raises:
        InputError: Something is of the wrong form, or there is no input at all.
        UnsupportedParameterError: An item is of a kind that no chat can have.
    """
    messages: list[dict[str, Any]] = []
    if instructions is not None:
        if not isinstance(instructions, str):
            wrong("instructions", "must be a text")
        if instructions:
            messages.append({"role": "system", "content": instructions})
    if isinstance(given, str):
        return [*messages, {"role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        wrong("input", "must be a text, or a list of messages")
    for place, item in enumerate(cast("list[Any]", given)):
        _add(messages, item, f"input.{place}")
    return messages


def text_of(given: Any, instructions: Any) -> str:
    """Return the words of ``input`` alone, for a model that takes nothing else.

    Raises:
        UnsupportedParameterError: There is more than words.
        InputError: Something is of the wrong form, or there are no words.
    """
    words: list[str] = []
    for message in messages_of(given, instructions):
        content = message.get("content")
        alone: list[Any] = [{"type": "text", "text": content}]
        parts = cast("list[Any]", content) if isinstance(content, list) else alone
        for part in parts:
            if part.get("type") != "text":
                unsupported("input", "pictures are changed by /v1/images/edits")
            if part["text"]:
                words.append(part["text"])
    if not words:
        wrong("input", "must say what to draw")
    return "\n\n".join(words)


def _add(messages: list[dict[str, Any]], item: Any, name: str) -> None:
    if not isinstance(item, dict):
        wrong(name, "must be an object")
    told = cast("dict[str, Any]", item)
    match told.get("type", "message"):
        case "message":
            messages.append(_message(told, name))
        case "function_call":
            _add_call(messages, told, name)
        case "function_call_output":
            content = _content(told.get("output"), f"{name}.output")
            called = told.get("call_id")
            messages.append({"role": "tool", "tool_call_id": called, "content": content})
        case kind if kind in _PASSED_OVER:
            pass
        case kind:
            unsupported(name, f"genq takes no item of type {str(kind)[:64]}")


def _message(told: dict[str, Any], name: str) -> dict[str, Any]:
    role = told.get("role")
    if role not in _ROLES:
        wrong(f"{name}.role", f"must be one of {', '.join(_ROLES)}")
    return {"role": role, "content": _content(told.get("content"), f"{name}.content")}


def _add_call(messages: list[dict[str, Any]], told: dict[str, Any], name: str) -> None:
    called, function, arguments = (told.get(key) for key in ("call_id", "name", "arguments"))
    if not (isinstance(called, str) and isinstance(function, str)):
        wrong(name, "a function_call has call_id, name and arguments")
    call = {
        "id": called,
        "type": "function",
        "function": {"name": function, "arguments": arguments or "{}"},
    }
    # Calls of one turn belong to one message, with what was said in the same breath.
    if messages and messages[-1]["role"] == "assistant":
        messages[-1].setdefault("tool_calls", []).append(call)
    else:
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})


def _content(content: Any, name: str) -> Any:
    if content is None or isinstance(content, str):
        return content if content is not None else ""
    if not isinstance(content, list):
        wrong(name, "must be a text, or a list of parts")
    parts = [
        _part(part, f"{name}.{place}") for place, part in enumerate(cast("list[Any]", content))
    ]
    if len(parts) == 1 and parts[0]["type"] == "text":
        # Not every model server knows parts.
        return parts[0]["text"]
    return parts


def _part(part: Any, name: str) -> dict[str, Any]:
    if not isinstance(part, dict):
        wrong(name, "must be an object")
    told = cast("dict[str, Any]", part)
    kind = told.get("type")
    if kind in _TEXTS or kind == "refusal":
        text = told.get("refusal" if kind == "refusal" else "text")
        if not isinstance(text, str):
            wrong(f"{name}.text", "must be a text")
        return {"type": "text", "text": text}
    if kind != "input_image":
        unsupported(name, f"genq takes no part of type {str(kind)[:64]}: {_TAKEN}")
    url = told.get("image_url") or told.get("file_id")
    if not isinstance(url, str):
        wrong(name, "a picture is given as image_url (a link or data URL), or by its file_id")
    detail = {"detail": told["detail"]} if told.get("detail") else {}
    return {"type": "image_url", "image_url": {"url": url, **detail}}
