"""What a message says: as documented, within its lengths, and hostile text as text."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.chat.telegram_calls import TelegramCalls, message_parameters
from infra.chat.telegram_text import units
from infra.chat.telegram_view import (
    LIMITS,
    Form,
    keyboard_of,
    notice_form,
    notice_toast,
    view_form,
)
from infra.simulator.chat.telegram_spec import telegram_spec
from schemas.chat import ChatAction, ChatUser, MessageRef, Verb
from schemas.chat_view import Button, ChatStatus, Notice, Tone, View
from tests.fixtures.telegram_scenes import (
    CANCEL,
    DONE,
    GROUP,
    HALF,
    JOB,
    PRIVATE,
    REFUSED,
    RUNNING,
    WAITING,
    adapter,
    picture,
    view,
)

HOSTILE = [
    "@everyone @here @durov and @a_b",
    "<!channel> <@123> <b>x</b> &amp;",
    "[click](http://evil.example) **x** `y` ||z|| ```w```",
    "\u202egnp.exe \u200f\u2066x\u2069",
    "🎏" * 4000,
    "👨‍👩‍👧‍👦" * 700,
    "a\x00b\x07c\x1b[31m\ud800d",
    "attach://picture tg://user?id=1",
    "\n\n\n/cancel\n#tag $USD",
    "x" * 10_000,
    " \u2060 \u200b ",
    "",
]


def part(form: Form, kind: str) -> str:
    """The text that an entity of this kind covers, by Telegram's own counting."""
    found = next(one for one in form.entities if one["type"] == kind)
    packed = form.text.encode("utf-16-le")
    return packed[2 * found["offset"] : 2 * (found["offset"] + found["length"])].decode(
        "utf-16-le"
    )


def caption_faults(form: Form) -> list[str]:
    calls = TelegramCalls("https://t.example", "1:x")
    call = calls.edit_caption(replace(PRIVATE, message="1"), form)
    assert call.body is not None
    return telegram_spec().faults(call.bucket, call.body)


def text_faults(form: Form) -> list[str]:
    return telegram_spec().faults("sendMessage", message_parameters(GROUP, form))


def both(shown: View, *, private: bool = False) -> tuple[Form, Form]:
    """A view as text and as a caption, both as documented."""
    text = view_form(shown, private=private, caption=False)
    caption = view_form(shown, private=private, caption=True)
    assert text_faults(text) == []
    assert caption_faults(caption) == []
    return text, caption


def test_a_waiting_job_says_its_place_and_counts_down_by_itself() -> None:
    form = view_form(WAITING, private=True, caption=False)

    assert form.text == (
        "a café in 東京 🎏 (Waiting to start) (fast) · position 3 · starts 10:02 UTC"
    )
    assert part(form, "bold") == "a café in 東京 🎏"
    assert part(form, "date_time") == "10:02 UTC"
    assert form.entities[-1]["date_time_format"] == "r"


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (RUNNING, "a café in 東京 🎏 (0%) (fast)"),
        (replace(RUNNING, percent=None), "a café in 東京 🎏 (Running) (fast)"),
        (replace(RUNNING, percent=140), "a café in 東京 🎏 (100%) (fast)"),
        (replace(DONE, title="Image #2"), "a café in 東京 🎏 - Image #2 (fast)"),
        (view(ChatStatus.CANCELLED, prompt=""), "/imagine (Cancelled) (fast)"),
        (
            REFUSED,
            "a café in 東京 🎏 (Refused) (fast)\n\nThe result was withheld: it shows a person.",
        ),
        (view(ChatStatus.HELD, prompt="x"), "x (Waiting for a person to look at it) (fast)"),
        (
            view(ChatStatus.DONE, prompt="Why?", text="So.\n@durov", notice="Cut."),
            "Why? (fast)\n\nSo.\n@\u2060durov\n\nCut.",
        ),
    ],
)
def test_a_state_is_said_in_words(shown: View, words: str) -> None:
    assert both(shown, private=True)[0].text == words


def test_in_a_group_the_owner_is_named_without_a_mention() -> None:
    known = replace(RUNNING, owner=ChatUser("5", "Nelly\u202e @x"))

    assert part(both(known)[0], "text_mention") == "Nelly @\u2060x"
    assert part(both(RUNNING)[0], "text_mention") == "👤"
    form = both(replace(RUNNING, owner=ChatUser("x")))[0]
    assert [one["type"] for one in form.entities] == ["bold"]


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("status", list(ChatStatus))
def test_hostile_text_stays_text_within_the_lengths(hostile: str, status: ChatStatus) -> None:
    shown = replace(
        WAITING,
        status=status,
        owner=ChatUser("5", hostile),
        prompt=hostile,
        title=hostile,
        text=hostile,
        notice=hostile,
        buttons=(*CANCEL, Button(hostile, url="http://localhost/x"), Button(hostile)),
        link="https://genq.example/" + "l" * 300,
    )

    for form, most in zip(both(shown), (LIMITS.text, LIMITS.caption), strict=True):
        assert units(form.text) <= most
        assert not set(form.text) & set("\x00\x07\x1b\u202e\u200f\u2066")
        assert "@e" not in form.text
        assert "@d" not in form.text
        assert "The whole result" in form.text
    notice = Notice(hostile, hostile, Tone.ERROR, (Button(hostile, url="http://localhost/x"),))
    for private in (True, False):
        assert text_faults(notice_form(notice, private=private)) == []
    assert units(notice_toast(notice)) <= 200


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(codec=None), max_size=1500), st.text(max_size=900), st.booleans())
def test_any_text_makes_calls_as_documented(prompt: str, text: str, private: bool) -> None:
    both(view(ChatStatus.DONE, prompt=prompt, text=text * 3, notice=text), private=private)


def test_a_whole_result_that_does_not_fit_is_linked() -> None:
    long = view(ChatStatus.DONE, text="x" * 9000, link="https://genq.example/v1/x?token=y")
    form, caption = both(long, private=True)

    assert part(form, "text_link") == "The whole result"
    assert form.text.endswith("x…\n\nThe whole result")
    assert units(form.text) == LIMITS.text
    assert units(caption.text) == LIMITS.caption
    local = view_form(replace(long, link="http://127/x"), private=True, caption=True)
    assert local.text.endswith("\n\nThe whole result: http://127/x")


def test_a_link_that_does_not_fit_whole_is_left_out() -> None:
    """Half a link leads nowhere; and there is always room for the words."""
    local = "http://localhost/" + "l" * 900
    full = view(ChatStatus.DONE, prompt="p" * 999, notice="n" * 999, text="t" * 999, link=local)
    text, caption = both(full)

    assert text.text.endswith(local)
    assert "localhost" not in caption.text


def test_an_action_beyond_64_bytes_is_no_button() -> None:
    assert keyboard_of((Button("U", action=ChatAction(Verb.UPSCALE, 10**40, JOB)),)) == []


def test_buttons_stand_in_their_rows_with_their_looks() -> None:
    rows = keyboard_of((*DONE.buttons, *CANCEL))
    labels = [[one["text"] for one in row] for row in rows]

    assert labels == [["U1", "U2", "U3", "U4", "🔄", "Cancel"], ["V1", "V2", "V3", "V4"]]
    assert rows[0][1]["callback_data"] == ChatAction(Verb.UPSCALE, 2, JOB).id
    assert rows[0][5]["style"] == "danger"
    used = keyboard_of((replace(DONE.buttons[0], used=True),))[0][0]
    assert (used["text"], used["style"]) == ("✓ U1", "success")


def test_a_row_holds_eight_buttons_and_a_keyboard_twelve_rows() -> None:
    rows = keyboard_of([replace(CANCEL[0], row=n // 20) for n in range(200)])

    assert max(len(row) for row in rows) == 8
    assert len(rows) == 12
    assert len(rows[2]) == 4


@pytest.mark.parametrize(
    "url", ["http://localhost:8080/x", "http://[::1", "javascript:alert(1)", "", None]
)
def test_a_link_that_telegram_refuses_becomes_no_button(url: str | None) -> None:
    buttons = (Button("Open", url=url),)

    assert keyboard_of(buttons) == []
    form = view_form(replace(DONE, buttons=buttons), private=True, caption=True)
    assert (f"Open: {url}" in form.text) == bool(url)
    assert keyboard_of((Button("Open", url="https://genq.example/g"),))[0][0]["text"] == "Open"


def test_a_notice_has_a_title_and_is_short_where_all_see_it() -> None:
    notice = Notice("Queue full", "running 3/3, waiting 7/7" + " x" * 2000, Tone.WARNING)

    alone, shown = notice_form(notice, private=True), notice_form(notice, private=False)
    assert alone.text.startswith("⚠️ Queue full\nrunning 3/3, waiting 7/7 x")
    assert part(alone, "bold") == "⚠️ Queue full"
    assert units(alone.text) > 3000
    assert 590 < units(shown.text) <= 600
    assert notice_toast(notice).startswith("Queue full: running 3/3, waiting 7/7 x")


def test_what_looks_the_same_has_the_same_digest() -> None:
    one, there = adapter(), replace(PRIVATE, message="9", rung=1)

    def digest(shown: View, ref: MessageRef = PRIVATE) -> bytes:
        return one.digest(ref, shown)

    assert digest(HALF) == digest(replace(HALF, job_id=REFUSED.job_id), there)
    later: dict[str, Any] = {
        "starts_at": WAITING.starts_at and WAITING.starts_at.replace(second=9)
    }
    assert digest(WAITING) == digest(replace(WAITING, **later))
    others = [
        replace(HALF, percent=51),
        replace(HALF, pictures=(picture("preview.webp", 13),)),
        replace(HALF, pictures=()),
        replace(HALF, buttons=()),
        replace(HALF, prompt="another"),
    ]
    assert len({digest(HALF), *map(digest, others)}) == 6
