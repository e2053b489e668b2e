"""What platforms' words look like in a terminal, and what a typed line means."""

import pytest

from genq.cli.bot_platform import Button, Message
from genq.cli.bot_terminal import Line
from genq.cli.bot_words import Typed, button_of, in_words, percent_of, read_line


def message(number: str, *labels: str, private: bool = False) -> Message:
    buttons = tuple(Button(label, f"g1:{label}", disabled=False, url=None) for label in labels)
    return Message(number, "c", "text", private, pending=False, deleted=False, buttons=buttons)


def moment(at: int) -> str:
    return f"at {at}"


@pytest.mark.parametrize(
    ("platform", "written", "shown"),
    [
        (
            "discord",
            r"**a \*red\* kite** - <@80> (31%) (fast)",
            "a *red* kite - @you (31%) (fast)",
        ),
        ("discord", "position 1 · <t:1795:R>", "position 1 · at 1795"),
        ("discord", "@\u200beveryone \\<\\@80\\>", "@everyone <@80>"),
        ("slack", "a &lt;b&gt; &amp;amp; <@U1>", "a <b> &amp; @you"),
        ("slack", "about <!date^1795^{time}|09:39 UTC>", "about at 1795"),
        ("slack", "<https://a.example/x|here>", "https://a.example/x"),
        ("telegram", "**as it is** <@1> @\u2060bob", "**as it is** <@1> @bob"),
    ],
)
def test_markup_is_read_as_the_platform_reads_it(
    platform: str, written: str, shown: str
) -> None:
    assert in_words(platform, written, moment) == shown


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        (" /imagine a kite \n", Typed("/imagine a kite")),
        ("/imagine a kite &", Typed("/imagine a kite", waits=False)),
        ("/imagine salt & pepper", Typed("/imagine salt & pepper")),
        ("U2", Typed("u2", press=True)),
        ("12 &", Typed("12", press=True, waits=False)),
        ("/quit", None),
    ],
)
def test_a_line_is_a_command_a_button_or_the_end(line: str, typed: Typed | None) -> None:
    assert read_line(line) == typed


@pytest.mark.parametrize("line", ["hello", "/", "u9"])
def test_any_other_line_is_explained(line: str) -> None:
    with pytest.raises(ValueError, match="/imagine"):
        read_line(line)


def test_a_key_means_the_newest_message_that_has_it() -> None:
    pictures = message("1", "U1", "U2", "🔄", "V1", "V2")
    waiting = message("2", "Cancel")
    said = [pictures, waiting, message("3")]

    assert button_of(said, "1")[1].label == "Cancel"
    assert button_of(said, "c")[0] is waiting
    assert button_of(said, "v2")[1].label == "V2"
    assert button_of(said, "r")[0] is pictures
    with pytest.raises(LookupError, match="no button 2: there are 1 Cancel"):
        button_of(said, "2")
    with pytest.raises(LookupError, match="/imagine"):
        button_of([], "u1")


def test_the_percentage_is_that_of_the_job_not_of_the_prompt() -> None:
    assert percent_of("50% grey - @you (31%) (fast)") == 31
    assert percent_of("@you · fast · Running, 31 %") == 31
    assert percent_of("50% grey - @you (Waiting to start)") is None


def test_a_typed_line_can_be_mended_and_comes_back() -> None:
    line = Line()

    assert list(line.type("/imagine a kitt\x7fe\r/que")) == ["/imagine a kite"]
    assert line.text == "/que"
    assert list(line.type("\x15/queue\n")) == ["/queue"]
    for key, shown in (
        *(("\x1b[A", "/queue"), ("\x1b[A", "/imagine a kite"), ("\x1b[B", "/queue")),
        *(("\x1b[B", ""), ("\x1b[5~", "")),
    ):
        assert list(line.type(key)) == []
        assert line.text == shown
    with pytest.raises(EOFError):
        list(line.type("\x04"))
