"""What Slack is shown: whole, within its limits, and nothing of it read as markup."""

import importlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any, Final, cast

import pytest

from infra.chat.slack_text import chunks, escaped, time_of_day, unescaped
from infra.chat.slack_view import message_of, notice_of
from infra.simulator.chat.slack_blocks import slack_limits
from schemas.chat import ChatUser, Verb
from schemas.chat_view import Button, ChatStatus, Notice, Tone
from tests.fixtures.slack_scenes import (
    INJECTIONS,
    NOW,
    PICTURE,
    REF,
    action,
    adapter,
    length_of_blocks,
    result_buttons,
    view,
)

LIMITS: Final = slack_limits()
SLACK: Final = adapter()
MODELS: Final[Any] = (
    importlib.import_module("slack_sdk.models.blocks") if find_spec("slack_sdk") else None
)
FILES: Final = ("F0000000001",)


def texts(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every text object."""
    if isinstance(value, dict):
        if value.get("type") in {"plain_text", "mrkdwn"}:
            yield cast("dict[str, Any]", value)
        yield from texts(list(cast("dict[str, Any]", value).values()))
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from texts(one)


def checked(message: dict[str, Any]) -> dict[str, Any]:
    """Return ``message`` if Slack would take it, by the limits and by slack_sdk's models."""
    blocks = message["blocks"]
    assert set(message) == {"text", "blocks"}
    assert 1 <= len(blocks) <= LIMITS["blocks_per_message"]
    assert 1 <= len(message["text"]) <= 3000
    json.dumps(message, ensure_ascii=False).encode()
    assert all(text["text"] for text in texts(blocks))
    for block in blocks:
        _within(block)
        _by_models(block)
    return message


def _within(block: dict[str, Any]) -> None:
    match block["type"]:
        case "section" | "header" as kind:
            assert len(block["text"]["text"]) <= LIMITS[f"{kind}.text"]
        case "actions" | "context" as kind:
            assert 1 <= len(block["elements"]) <= LIMITS[f"{kind}.elements"]
        case "image":
            assert 1 <= len(block["alt_text"]) <= LIMITS["image.alt_text"]
        case _:
            raise AssertionError(block["type"])
    buttons: list[dict[str, Any]] = block["elements"] if block["type"] == "actions" else []
    ids = [button["action_id"] for button in buttons]
    assert len(set(ids)) == len(ids)
    for button in buttons:
        assert len(button["text"]["text"]) <= LIMITS["button.text"]
        assert len(button["action_id"]) <= LIMITS["action_id"]
        assert len(button.get("url", "")) <= LIMITS["button.url"]
        assert button.get("style", "danger") in LIMITS["button.style"]


def _by_models(block: dict[str, Any]) -> None:
    if MODELS is None:
        return
    MODELS.Block.parse(block).validate_json()
    for element in block["elements"] if block["type"] == "actions" else ():
        # The parse of a block does not descend.
        MODELS.BlockElement.parse(element).validate_json()


def test_the_models_refuse_what_slack_would() -> None:
    if MODELS is None:
        pytest.skip("slack_sdk is not installed")
    button = {
        "type": "button",
        "action_id": "x",
        "text": {"type": "plain_text", "text": "x" * 76},
    }

    with pytest.raises(Exception, match="75"):
        MODELS.BlockElement.parse(button).validate_json()


FORMS: Final = {
    "waiting": view(position=3, starts_at=NOW + timedelta(seconds=95)),
    "held": view(ChatStatus.HELD),
    "running": view(ChatStatus.RUNNING, percent=31, pictures=(PICTURE,)),
    "done": view(ChatStatus.DONE, pictures=(PICTURE,), buttons=result_buttons()),
    "asked": view(ChatStatus.DONE, command="ask", text="two\n\nparagraphs " * 400),
    "described": view(ChatStatus.DONE, command="describe", prompt="", text="a cat"),
    "picked": view(ChatStatus.DONE, title="Image #2", link="https://genq.example/x?a=1&b=2"),
    "failed": view(ChatStatus.FAILED, notice="The model server failed. Press 🔄."),
    "blocked": view(ChatStatus.BLOCKED, buttons=(Button("Appeal", 0, action(Verb.APPEAL)),)),
    "cancelled": view(ChatStatus.CANCELLED),
    "expired": view(ChatStatus.EXPIRED),
    "bare": view(ChatStatus.DONE, prompt="", command="", owner=ChatUser("")),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_a_message_is_one_that_slack_takes(name: str) -> None:
    checked(message_of(FORMS[name], FILES))


def test_a_waiting_message_says_its_place_and_when_it_starts_in_the_readers_own_time() -> None:
    message = checked(message_of(FORMS["waiting"]))

    assert message["text"] == "a cat - Waiting to start"
    assert message["blocks"][1]["elements"][0]["text"] == (
        "<@U1> · fast · Waiting to start · position 3 · "
        "starts about <!date^1531420740^{time}|18:39 UTC>"
    )


def test_within_a_minute_a_time_reads_the_same_so_that_nothing_is_edited() -> None:
    first = datetime(2026, 11, 22, 9, 0, 1, tzinfo=UTC)
    forms = {time_of_day(first + timedelta(seconds=second)) for second in range(60)}

    assert len(forms) == 1


def test_the_result_has_its_picture_and_two_rows_of_buttons() -> None:
    blocks = checked(message_of(FORMS["done"], FILES))["blocks"]

    assert blocks[2] == {
        "type": "image",
        "slack_file": {"id": "F0000000001"},
        "alt_text": "four cats",
    }
    labels = [[one["text"]["text"] for one in row["elements"]] for row in blocks[3:]]
    assert labels == [["U1", "U2", "U3", "U4", "🔄"], ["V1", "V2", "V3", "V4"]]
    assert [one.get("style") for one in blocks[3]["elements"]] == [
        *(None, "primary", None, None),
        None,
    ]
    assert all(one["value"] == one["action_id"] for one in blocks[3]["elements"])


def test_previews_and_pictures_that_slack_cannot_show_are_left_out() -> None:
    webp = replace(PICTURE, media_type="image/webp")
    for shown in (FORMS["running"], view(ChatStatus.DONE, pictures=(webp,))):
        assert "image" not in [one["type"] for one in message_of(shown, FILES)["blocks"]]


def test_a_long_answer_is_shown_in_parts_and_ends_with_an_ellipsis() -> None:
    message = checked(message_of(view(ChatStatus.DONE, text="<word> " * 4000)))

    parts = [one["text"]["text"] for one in message["blocks"][2:]]
    assert len(parts) == 4
    assert 9_900 < length_of_blocks(message) <= 10_000
    assert parts[-1].endswith("…")
    assert all("&l…" not in part and not part.endswith("&") for part in parts)


def test_parts_of_a_text_are_all_of_it() -> None:
    text = "\n".join(f"line {number} <&>" for number in range(700))

    parts = list(chunks(text, [3000] * 9))

    assert "\n".join(map(unescaped, parts)) == text
    assert all(len(part) <= 3000 for part in parts)


@pytest.mark.parametrize("hostile", INJECTIONS)
def test_hostile_text_is_shown_as_text(hostile: str) -> None:
    message = checked(
        message_of(
            view(
                ChatStatus.DONE,
                prompt=hostile,
                title=hostile,
                text=hostile,
                notice=hostile,
                command=hostile,
                owner=ChatUser(f"U1> {hostile}", hostile),
                pictures=(replace(PICTURE, alt=hostile),),
                buttons=(Button(hostile, 0, action(Verb.CANCEL)),),
            ),
            FILES,
        )
    )
    dump = json.dumps(message, ensure_ascii=False)

    assert "<" not in dump
    assert ">" not in dump
    assert not set(dump) & set("\0\x1b\x07\x85\u2028\u202e\u202c\u2066")
    assert all(text.get("verbatim", True) for text in texts(message["blocks"]))


@pytest.mark.parametrize("hostile", INJECTIONS)
def test_hostile_words_in_a_notice_are_shown_as_text(hostile: str) -> None:
    shown = checked(notice_of(Notice(hostile, f"You wrote {hostile}.", Tone.ERROR)))
    markup = [text["text"] for text in texts(shown["blocks"]) if text["type"] == "mrkdwn"]

    assert "<!" not in json.dumps(shown, ensure_ascii=False)
    assert "<@" not in json.dumps(shown, ensure_ascii=False)
    # A URL leads where it says: no label stands for it.
    assert markup in ([], ["You wrote &lt;<https://evil.example>|Click here&gt;."])


def test_what_is_escaped_reads_as_it_was_typed() -> None:
    for text in ("a & b < c > d", "&lt;!channel&gt;", "&amp;amp;"):
        assert unescaped(escaped(text, 100)) == text


def test_a_link_in_a_notice_can_be_followed() -> None:
    notice = Notice("Link", "Open https://genq.example/chat/link/abc?a=1&b=2. It holds once.")

    shown = checked(notice_of(notice))

    assert shown["blocks"][1]["text"]["text"] == (
        "Open <https://genq.example/chat/link/abc?a=1&amp;b=2>. It holds once."
    )


def test_a_notice_has_its_colour_and_its_buttons() -> None:
    notice = Notice(
        "Queue full",
        "Running 3/3, waiting 7/7.",
        Tone.WARNING,
        tuple(
            Button(f"Cancel {row}", row, action(Verb.CANCEL, row), danger=True)
            for row in range(5)
        ),
    )

    shown = checked(notice_of(notice))

    assert shown["blocks"][0]["text"]["text"] == "🟨 Queue full"
    assert shown["text"] == "Queue full: Running 3/3, waiting 7/7."
    assert [one["type"] for one in shown["blocks"][2:]] == ["actions"] * 5


def test_too_many_or_equal_buttons_are_left_out_and_links_have_ids_of_their_own() -> None:
    many = tuple(Button(str(n), n // 9, action(Verb.UPSCALE, n % 7)) for n in range(90))
    links = tuple(Button("x", 0, url=f"https://a.example/{n}") for n in range(3))
    odd = (Button("", 0, url="https://a.example/" + "x" * 3000), Button("none", 0))

    blocks = checked(message_of(view(buttons=many)))["blocks"]
    assert len(blocks) == 2 + 5
    twice = (Button("a", 0, action(Verb.CANCEL)), Button("b", 0, action(Verb.CANCEL)))
    assert len(checked(message_of(view(buttons=twice)))["blocks"][2]["elements"]) == 1
    rows = checked(message_of(view(buttons=(*odd, *links))))["blocks"][2:]
    assert [one["action_id"] for one in rows[0]["elements"]] == [
        "link:0:2",
        "link:0:3",
        "link:0:4",
    ]


def test_what_looks_the_same_has_the_same_digest() -> None:
    later = replace(FORMS["waiting"], starts_at=NOW + timedelta(seconds=96))
    other = replace(FORMS["running"], pictures=(replace(PICTURE, data=b"other"),))

    assert SLACK.digest(REF, FORMS["waiting"]) == SLACK.digest(REF, later)
    assert SLACK.digest(REF, FORMS["running"]) == SLACK.digest(REF, other)
    assert len({SLACK.digest(REF, form) for form in FORMS.values()}) == len(FORMS)


def test_another_picture_of_a_result_is_another_digest() -> None:
    other = replace(FORMS["done"], pictures=(replace(PICTURE, data=b"other"),))

    assert SLACK.digest(REF, FORMS["done"]) != SLACK.digest(REF, other)
    uploaded = replace(REF, upload="x:1:F1", message="1.1")
    assert SLACK.digest(REF, FORMS["done"]) == SLACK.digest(uploaded, FORMS["done"])
