"""What of a job is judged, whose words they are, and how a model sees less than was sent."""

from typing import Any

import pytest

from infra.safety.parts import Part, Whose, cut, input_parts, output_parts
from infra.safety.replacing import redacted, replaced
from schemas.safety import Redaction, Span, Stage

CHAT: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "you are a pirate"},
        {"role": "user", "content": "tell me of ships"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "and of this"},
                {"type": "document", "text": "a page that was found"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            ],
        },
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "what the tool says"},
        {"role": "user", "name": "documents", "content": "a memory"},
    ]
}


def _told(parts: list[Part]) -> list[tuple[str, str]]:
    alone = [part for part in parts if not part.joined]
    return [(part.text, part.stage.value + "!" * part.trusted) for part in alone]


def test_words_of_people_are_prompts_what_tools_say_is_context() -> None:
    assert _told(input_parts(CHAT, pictures=False)) == [
        ("you are a pirate", "prompt!"),
        ("tell me of ships", "prompt"),
        ("and of this", "prompt"),
        ("a page that was found", "context"),
        ("f", "prompt!"),
        ("{}", "prompt!"),
        ("what the tool says", "context"),
        ("a memory", "context"),
    ]


def test_pictures_in_a_conversation_are_judged_where_somebody_looks_at_them() -> None:
    (picture,) = [part.picture for part in input_parts(CHAT, pictures=True) if part.picture]
    assert (picture.data, picture.media_type) == (b"hi", "image/png")


def test_a_servers_own_words_are_judged_and_negative_ones_by_themselves() -> None:
    """A negative prompt names what may not be asked for; a sampler's name is no prompt."""
    extra = {
        "prompt_2": "a second prompt",
        "negative_prompt": "ugly, nude",
        "sampler": "euler_a",
        "context": ["found somewhere else"],
    }
    found = input_parts({"prompt": "a kite", "extra_body": extra}, pictures=False)
    alone = [part for part in found if not part.joined]
    assert [(part.text, part.stage, part.negative) for part in alone] == [
        ("a kite", Stage.PROMPT, False),
        ("a second prompt", Stage.PROMPT, False),
        ("ugly, nude", Stage.PROMPT, True),
        ("found somewhere else", Stage.CONTEXT, False),
    ]
    assert alone[2].subject(Whose(1)).negative


def test_of_an_answer_the_tool_calls_are_judged_too() -> None:
    details = {
        "finish_reason": "tool_calls",
        "message": {"tool_calls": [{"function": {"name": "f", "arguments": '{"a": 1}'}}]},
        "revised_prompts": ["another kite"],
    }
    assert _told(output_parts("words", details)) == [
        ("words", "output"),
        ("f", "output"),
        ('{"a": 1}', "output"),
        ("another kite", "output"),
    ]


def test_what_is_taken_out_leaves_its_place_and_the_original_alone() -> None:
    text = "call 030 1234 or write to a@b.de now"
    spans = [Span(5, 13), Span(26, 32), Span(27, 30)]
    changed = redacted(text, [Redaction(span, "pii", "[X]") for span in spans])
    assert changed == "call [X] or write to [X] now"
    message = {"role": "user", "content": text}
    told = replaced({"messages": [message], "n": 1}, {("messages", 0, "content"): "other"})
    assert told == {"messages": [{"role": "user", "content": "other"}], "n": 1}
    assert message["content"] == text


@pytest.mark.parametrize("length", [10, 11, 19, 20, 999, 1_000, 1_001, 5_000])
def test_a_long_text_is_judged_in_pieces_that_leave_nothing_out(length: int) -> None:
    text = "".join(chr(97 + n % 26) for n in range(length))
    pieces = cut(Part(("messages",), text), 1_000)
    seen = set[int]()
    for piece in pieces:
        assert len(piece.text) <= 1_000
        assert text[piece.start : piece.start + len(piece.text)] == piece.text
        seen.update(range(piece.start, piece.start + len(piece.text)))
    assert len(seen) == length
