"""A message of a played chat as a terminal shows it."""

import io
from pathlib import Path

from PIL import Image
from rich.console import Console

from genq.cli.bot_platform import Button, Message, Picture
from genq.cli.bot_screen import ChatScreen, half_blocks, lines_of, picture_path


def button(label: str, url: str | None = None) -> Button:
    return Button(label, None if url else f"g1:{label}", disabled=False, url=url)


def drawn(message: Message, picture: bytes | None = None) -> str:
    told = io.StringIO()
    console = Console(file=told, width=60, force_terminal=True, color_system="truecolor")
    console.print(ChatScreen(console, "discord").message(message, picture, ["saved kite.png"]))
    return told.getvalue()


def flag() -> bytes:
    """Red over blue."""
    picture = Image.new("RGB", (64, 64), (255, 0, 0))
    picture.paste((0, 0, 255), (0, 32, 64, 64))
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def test_a_message_under_way_has_a_bar_and_its_keys() -> None:
    text = "**50% grey** - <@80> (31%) (fast)"
    message = Message("1", "c", text, private=False, pending=False, deleted=False)
    waiting = Message("1", "c", text, False, False, False, (button("Cancel"),))

    assert " 31%" in drawn(waiting)
    assert "[1] Cancel" in drawn(waiting)
    assert "━" not in drawn(message)
    assert "saved kite.png" in drawn(message)


def test_a_picture_is_drawn_in_its_colours() -> None:
    shown = half_blocks(flag(), 8)

    assert shown.plain == "\n".join(["▀" * 8] * 4)
    assert [str(span.style) for span in shown.spans[:1]] == ["#ff0000 on #ff0000"]
    assert str(shown.spans[-1].style) == "#0000ff on #0000ff"
    assert half_blocks(b"no picture", 8).plain == ""


def test_a_private_message_says_so_and_its_links_are_written_out() -> None:
    link = button("Open the page", "https://genq.example/chat/link/x")
    message = Message("1", "c", "Link\nOpen it", True, False, False, (link,))

    assert lines_of("discord", message) == [
        "Link  (only you see this)",
        "Open it",
        "Open the page: https://genq.example/chat/link/x",
    ]


def test_no_picture_is_written_over_another(tmp_path: Path) -> None:
    picture = Picture("1", "genq-1.jpg", "image/jpeg", "made by a machine: a <red> & kite/..")

    first = picture_path(tmp_path, 1, picture)
    first.touch()

    assert first.name == "1-a-red-kite.jpg"
    assert picture_path(tmp_path, 1, picture).name == "2-a-red-kite.jpg"
