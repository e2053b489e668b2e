"""Calls that the settings describe: what is taken, and what is refused at start, and how."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import ValidationError

from schemas.generation import Kind
from schemas.http_call import HttpCall
from schemas.json_paths import Each, found_at, steps_of
from schemas.model_catalog import ModelServer
from schemas.placeholders import Place, template_of

GOOD: Final[dict[str, Any]] = {
    "path": "/paint",
    "body": {"p": "{prompt}"},
    "answer": {"images": "/images"},
}
POLL: Final[dict[str, Any]] = {"id": "/id", "path": "/{id}", "status": "/s", "done": ["yes"]}
MANUAL: Final = Path(__file__).parents[3] / "worker/providers/ADAPTERS.md"


def server(call: dict[str, Any] | None, kind: Kind = Kind.IMAGE, **more: Any) -> ModelServer:
    spec = {"name": "m", "kind": kind} | ({} if call is None else {"call": call})
    told = {"name": "a", "base_url": "http://x", "protocol": "http", "models": [spec]}
    return ModelServer.model_validate(told | more)


@pytest.mark.parametrize(
    "example", re.findall(r"```toml\n(\[\[.*?)```", MANUAL.read_text(), re.DOTALL)
)
def test_the_examples_of_the_manual_are_taken(example: str) -> None:
    (told,) = tomllib.loads(example)["model_servers"]

    assert ModelServer.model_validate(told).models[0].call is not None


def test_a_server_can_be_known_by_its_settings() -> None:
    call = GOOD | {"headers": {"x-key": "{api_key}"}, "poll": POLL}

    assert hash(server(call)) == hash(server(call))
    assert server(call) == server(call)
    assert server(call) != server(GOOD)


REFUSED: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "unknown": ({"body": {"p": "{promt}"}}, r"\{promt\} is unknown; there are \{background\}"),
    "deep": ({"body": [{"a": ["{prompt} {sede}"]}]}, r"\{sede\} is unknown"),
    "of another kind": ({"body": "{prompt} {messages}"}, r"\{messages\} is unknown"),
    "no place": ({"body": "{prompt} {1+1}"}, r"\{1\+1\} is no placeholder"),
    "code": ({"body": "{prompt.__class__()}"}, "is no placeholder"),
    "brace": ({"body": "{prompt} }"}, r"\} stands alone"),
    "no prompt": ({"body": {"p": "a kite"}}, r"\{prompt\} is nowhere"),
    "key in the body": ({"body": "{prompt} {api_key}"}, r"\{api_key\} is unknown"),
    "prompt in a header": ({"headers": {"x": "{prompt}"}}, r"\{prompt\} is unknown"),
    "no header": ({"headers": {"x y": "1"}}, "x y is no header"),
    "our header": ({"headers": {"Host": "x"}}, "Host is no header that can be set"),
    "two lines": ({"headers": {"x": "a\nb"}}, "the value of x cannot stand"),
    "body and form": ({"form": {"p": "{prompt}"}}, "body and form"),
    "a body that is got": ({"method": "GET"}, "a GET has no body"),
    "nothing to get": ({"answer": {}}, 'say where its images are: images, or body = "image"'),
    "words": ({"answer": {"body": "text"}}, 'body = "text" is no result of image jobs'),
    "no path": ({"answer": {"images": "a..b"}}, "neither a pointer"),
    "no pointer": ({"answer": {"images": "/a~2"}}, "is no JSON pointer"),
    "unused": ({"unused": ["sede"]}, "unused: sede is no parameter of image jobs"),
    "id": ({"poll": POLL | {"path": "/{name}"}}, r"poll: \{name\} is unknown"),
    "no state": ({"poll": POLL | {"done": []}}, "done"),
    "elsewhere": ({"path": "//evil.example/x y"}, "path"),
    "more": ({"script": "x"}, "script"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", REFUSED)
def test_a_call_that_cannot_work_is_refused_at_start(wrong: str) -> None:
    change, said = REFUSED[wrong]

    with pytest.raises(ValidationError, match=said):
        server(GOOD | change)


def test_a_call_is_for_servers_that_are_described_and_for_no_other() -> None:
    with pytest.raises(ValidationError, match="m: needs a call: it is of an http server"):
        server(None)
    with pytest.raises(
        ValidationError, match="m: has a call: that is for protocol http, and not for cog"
    ):
        server(GOOD, protocol="cog")


def test_no_key_of_a_header_is_shown() -> None:
    shown = repr(HttpCall.model_validate(GOOD | {"headers": {"x": "hunter2"}}))

    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", ()),
        ("{{a}} {b}", ("{", "a", "}", " ", Place("b"))),
        ("{images[-1].base64}", (Place("images", (-1, "base64")),)),
        ("{extra_body.a-b[0]}", (Place("extra_body", ("a-b", 0)),)),
    ],
)
def test_a_text_is_taken_apart_at_its_placeholders(text: str, pieces: tuple[Any, ...]) -> None:
    assert template_of(text) == pieces


@pytest.mark.parametrize("text", ["{}", "{ a}", "{a.}", "{a[b]}", "{a[0}", "{0}", "{a|b}", "{"])
def test_what_is_no_placeholder_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"placeholder|alone"):
        template_of(text)


# RFC 6901, section 5.
DOCUMENT: Final[Any] = {
    "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, 'k"l': 6, " ": 7, "m~n": 8,
    "list": [{"x": 1}, {"x": 2}, {"y": 3}], "0": "zero",
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", [DOCUMENT]), ("/foo", [["bar", "baz"]]), ("/foo/0", ["bar"]), ("/", [0]),
        ("/a~1b", [1]), ("/c%d", [2]), ("/e^f", [3]), ('/k"l', [6]), ("/ ", [7]),
        ("/m~0n", [8]),
        ("/foo/2", []), ("/foo/-", []), ("/foo/00", []), ("/foo/bar/x", []), ("/0", ["zero"]),
        ("foo[1]", ["baz"]), ("foo[-1]", ["baz"]), ("foo[-3]", []), ("list[*].x", [1, 2]),
        ("list[*]", DOCUMENT["list"]), ("foo.bar", []), ("foo[*].x", []), ("0", ["zero"]),
    ],
)  # fmt: skip
def test_what_stands_at_a_place_is_found(path: str, found: list[Any]) -> None:
    assert found_at(DOCUMENT, steps_of(path)) == found


@pytest.mark.parametrize(
    "path", ["a b", "a..b", ".a", "a.", "a[", "a[x]", "a[0]b", "a/b", "/~"]
)
def test_what_is_no_place_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="pointer"):
        steps_of(path)


def test_every_item_is_a_step_of_its_own() -> None:
    assert steps_of("a[*][0]") == ("a", Each.EACH, "0")
