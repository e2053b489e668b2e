"""Whatever somebody writes, Discord shows it as it is, and nobody is pinged."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.chat.discord_text import escaped, plain, units
from infra.chat.discord_view import view_body
from infra.chat.shown_text import cleaned
from tests.fixtures.discord_views import DONE

ESCAPE = re.compile(r"\\([^0-9A-Za-z\s])")


def read_back(text: str) -> str:
    """Return what Discord shows of escaped text."""
    return ESCAPE.sub(r"\1", text).replace("@\u200b", "@")


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("@everyone", "@\u200beveryone"),
        ("@HERE now", "@\u200bHERE now"),
        ("<@80351110224678912>", r"\<\@80351110224678912\>"),
        ("<@&1> <#2> </x:3> <t:4:R>", r"\<\@&1\> \<#2\> \<\/x\:3\> \<t\:4\:R\>"),
        ("[free](https://evil.test)", r"\[free\]\(https\:\/\/evil.test\)"),
        ("discord.gg/abc", r"discord.gg\/abc"),
        ("**b** _i_ ~~s~~ ||x|| `c`", r"\*\*b\*\* \_i\_ \~\~s\~\~ \|\|x\|\| \`c\`"),
        ("# big\n- one\n1. two\n-# small", "\\# big\n\\- one\n1\\. two\n\\-# small"),
        ("> quoted\n>>> more", "\\> quoted\n\\>\\>\\> more"),
        ("back\\slash", r"back\\slash"),
        (":smile: <:x:1>", r"\:smile\: \<\:x\:1\>"),
        ("a red-hot 16:9 kite #2, 1.5", r"a red-hot 16\:9 kite #2, 1.5"),
        ("\0\u202eevil\u2066\u200f\r\nx", "evil\nx"),
    ],
)
def test_text_is_shown_as_it_was_written(written: str, sent: str) -> None:
    assert escaped(written, 2000) == sent
    assert read_back(sent) == cleaned(written)


def test_our_own_links_stay_links_where_one_person_alone_sees_them() -> None:
    told = "Open https://genq.test/chat/link/a_b?c=1 (once). Not [x](javascript:1)"
    shown = escaped(told, 2000, links=True)
    assert "https://genq.test/chat/link/a_b?c=1 \\(once\\)" in shown
    assert r"\[x\]\(javascript\:1\)" in shown


def test_four_thousand_emoji_are_cut_by_utf16_units_and_never_through_one() -> None:
    shown = escaped("🔥" * 4000, 2000)
    assert units(shown) <= 2000
    assert shown == "🔥" * 999 + "…"
    assert plain("🔥" * 4000, 80) == "🔥" * 39 + "…"


def test_an_escape_is_not_cut_through() -> None:
    assert escaped("*" * 50, 10) == r"\*\*\*\*" + "…"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.integers(1, 80))
def test_no_text_is_longer_than_it_may_be(text: str, most: int) -> None:
    for shown in (escaped(text, most), escaped(text, most, links=True), plain(text, most)):
        assert units(shown) <= most
        assert shown.encode() or not cleaned(text).strip()
    whole = escaped(text, 2000)
    assert read_back(whole) == cleaned(text)
    assert not re.search(r"@(everyone|here)", whole, re.IGNORECASE)
    assert not re.search(r"(?<!\\)(?:\\\\)*<", whole)


@pytest.mark.parametrize("empty", ["", " \n", "\u200e", " \0\u202e "])
def test_a_text_of_which_nothing_is_left_makes_no_empty_embed(empty: str) -> None:
    assert view_body(replace(DONE, text=empty, notice=empty))["embeds"] == []
    [shown] = view_body(replace(DONE, text=f"{empty}a"))["embeds"]
    assert shown == {"description": "a"}
