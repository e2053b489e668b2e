"""A file of requests is checked whole, and made of rows, before anything is sent."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from genq.cli.batch_requests import Wishes, ready
from genq.cli.batch_rows import WrongFileError
from genq.cli.batch_template import read_template

CHAT = "/v1/chat/completions"


def request(custom_id: str, **changes: Any) -> dict[str, Any]:
    body = {"messages": [{"role": "user", "content": "hi"}]}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body, **changes}


def made(path: Path, content: bytes | str, **wishes: Any) -> list[Any]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if "template" in wishes:
        wishes["template"] = read_template(wishes["template"])
    with ready(path, Wishes(**wishes)) as checked:
        lines = checked.source.read().splitlines()
        assert checked.count == len(lines)
        return [json.loads(line) for line in lines]


def prompts(found: list[Any]) -> dict[str, str]:
    return {one["custom_id"]: one["body"]["messages"][-1]["content"] for one in found}


def test_each_row_of_a_table_is_a_request(tmp_path: Path) -> None:
    content = 'word,lang\r\ncat,German\r\n\r\n"big ""dog""",French\n"two\nlines",Greek\n'
    found = made(tmp_path / "a.csv", content, template="{{word}} in {{ lang }}, please")

    assert prompts(found) == {
        "row-1": "cat in German, please",
        "row-2": 'big "dog" in French, please',
        "row-3": "two\nlines in Greek, please",
    }
    assert {(one["method"], one["url"]) for one in found} == {("POST", CHAT)}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bom.csv", b"\xef\xbb\xbfword,n\ncaf\xc3\xa9,1\n"),
        ("semicolon.csv", "word;n\ncafé;1\n".encode()),
        ("tab.tsv", "word\tn\ncafé\t1\n".encode()),
    ],
)
def test_tables_of_every_office_are_read(tmp_path: Path, name: str, content: bytes) -> None:
    assert prompts(made(tmp_path / name, content, template="{{word}}")) == {"row-1": "café"}


def test_a_column_names_the_answers(tmp_path: Path) -> None:
    content = "custom_id,sku,word\na,b,c\n"
    assert prompts(made(tmp_path / "a.csv", content, template="{{word}}")) == {"a": "c"}
    found = made(tmp_path / "a.csv", content, template="{{word}}", id_column="sku")
    assert prompts(found) == {"b": "c"}


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("/v1/images/generations", {"prompt": "a kite", "size": "64x64"}),
        ("/v1/embeddings", {"input": "a kite", "size": "64x64"}),
        ("/v1/responses", {"input": "a kite", "size": "64x64", "instructions": "Be brief."}),
    ],
)
def test_a_prompt_goes_where_its_endpoint_wants_it(
    tmp_path: Path, endpoint: str, body: dict[str, Any]
) -> None:
    (found,) = made(
        tmp_path / "a.jsonl",
        '{"what": "a kite", "more": 1}\n',
        template="{{what}}",
        endpoint=endpoint,
        system="Be brief.",
        parameters={"size": "64x64"},
    )
    assert found["body"] == body


def test_bodies_alone_become_requests_of_the_endpoint(tmp_path: Path) -> None:
    content = '{"prompt": "a"}\n\n{"prompt": "b", "size": "8x8", "custom_id": "mine"}\n'
    found = made(
        tmp_path / "a.jsonl",
        content,
        endpoint="/v1/images/generations",
        parameters={"size": "64x64"},
    )
    assert [(one["custom_id"], one["body"]) for one in found] == [
        ("row-1", {"prompt": "a", "size": "64x64"}),
        ("mine", {"prompt": "b", "size": "8x8"}),
    ]


def test_openai_s_own_lines_are_sent_as_they_stand(tmp_path: Path) -> None:
    content = "".join(f"{json.dumps(request(name))}\r\n" for name in "ab")
    path = tmp_path / "a.jsonl"
    path.write_text(content, newline="")
    with ready(path, Wishes()) as checked:
        assert checked.source.read() == content.encode()
        assert (checked.count, checked.endpoint) == (2, CHAT)
        assert checked.size == len(content)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "word,n\na,1\nb\nc,1,2\n", ["line 3 has 1 value", "line 4 has 3 values"]),
        ("a.csv", 'word,n\na,1\n"b,2\n', ["line 3 cannot be read as CSV"]),
        ("a.csv", b"word,n\na,1\ncaf\xe9,2\n", ["line 3 is not UTF-8"]),
        ("a.csv", b"word,n\na\x00,1\n", ["line 2 contains the character U+0000"]),
        ("a.csv", "custom_id,word\nx,a\nx,b\n", ["line 3 has the custom_id 'x'"]),
        ("a.csv", "word,word\na,b\n", ["the column 'word' is there twice"]),
        ("a.csv", "", ["no first row"]),
        ("a.csv", "word\n", ["it has no requests"]),
        ("a.jsonl", '{"word": "a"}\nnope\n[1]\n', ["line 2 is not JSON", "line 3 must be"]),
        ("a.jsonl", '{"word": "a"}\n{"n": 1}\n', ["line 2 lacks word"]),
        ("a.jsonl", "\ufeff\n".encode("utf-16"), ["UTF-16"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, name: str, content: bytes | str, told: list[str]
) -> None:
    with pytest.raises(WrongFileError) as refused:
        made(tmp_path / name, content, template="{{word}}")
    for words in told:
        assert words in refused.value.message


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"custom_id": 7}, "custom_id that is no text"),
        ({"method": "GET"}, "method that is not POST"),
        ({"url": "/v1/embeddings"}, "a batch has one url"),
        ({"body": []}, "body that is no object"),
    ],
)
def test_a_line_that_is_no_request_is_refused(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    content = f"{json.dumps(request('a'))}\n{json.dumps(request('b') | changes)}\n"
    with pytest.raises(WrongFileError, match=told):
        made(tmp_path / "a.jsonl", content)


def test_no_more_wrong_lines_are_told_than_help(tmp_path: Path) -> None:
    with pytest.raises(WrongFileError) as refused:
        made(tmp_path / "a.jsonl", "nope\n" * 100)
    assert refused.value.message.count("is not JSON") == 10
    assert "there may be more" in refused.value.message


@pytest.mark.parametrize("written", ["no place", "{{word", "word}}", "{{}}"])
def test_a_template_without_a_proper_place_is_refused(written: str) -> None:
    with pytest.raises(typer.BadParameter):
        read_template(written)


def test_a_column_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match=r"did you mean \{\{word"):
        made(tmp_path / "a.csv", "word,n\na,1\n", template="{{wrod}}")
