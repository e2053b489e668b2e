"""Which jobs are the same, and which are not; canonical JSON."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from schemas.cache import CacheMode
from schemas.cache_key import Asked, cache_key, may_be_cached
from schemas.canonical_json import canonical_json
from schemas.generation import Kind

PEPPER = b"p" * 16
ASKED = Asked(
    tenant_id=1,
    kind=Kind.IMAGE,
    model="painter",
    route=[["painter", [["one", "http://one/v1"]]]],
    told={"prompt": "a red kite", "seed": 7},
    policy=("installation", "3", "ab12", "standard"),
    marking="genq",
)


def data_url(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    "different",
    [
        {"tenant_id": 2},
        {"kind": Kind.IMAGE_EDIT, "told": {**ASKED.told, "images": [data_url("png", b"a")]}},
        {"model": "other"},
        {"route": [["painter", [["one", "http://two/v1"]]]]},
        {"told": {"prompt": "a red kite", "seed": 8}},
        {"told": {"prompt": "a red kite!", "seed": 7}},
        {"told": {"prompt": "a red kite", "seed": 7, "quality": "high"}},
        {"told": {"prompt": "a red kite", "seed": 7, "extra_body": {"cfg": 4.5}}},
        {"policy": ("installation", "4", "ab12", "standard")},
        {"policy": ("installation", "3", "ab13", "standard")},
        {"policy": ("installation", "3", "ab12", "strict")},
        {"policy": ()},
        {"marking": ""},
    ],
    ids=str,
)
def test_whatever_decides_the_answer_is_part_of_the_key(different: dict[str, Any]) -> None:
    assert cache_key(replace(ASKED, **different), PEPPER) != cache_key(ASKED, PEPPER)


def test_a_default_that_is_written_out_changes_nothing() -> None:
    told = {"seed": 7, "n": 1, "prompt": "a red kite", "size": None}
    assert cache_key(replace(ASKED, told=told), PEPPER) == cache_key(ASKED, PEPPER)


def test_without_the_pepper_nobody_can_tell_which_prompt_it_was() -> None:
    assert cache_key(ASKED, PEPPER) != cache_key(ASKED, b"q" * 16)


def test_a_picture_is_its_bytes_and_two_that_differ_are_two() -> None:
    def edit(*pictures: str) -> bytes:
        told = {**ASKED.told, "images": list(pictures)}
        return cache_key(replace(ASKED, kind=Kind.IMAGE_EDIT, told=told), PEPPER)

    one, other = b"bytes of a picture", b"bytes of another"
    assert edit(data_url("png", one)) == edit(data_url("jpeg", one))
    assert edit(data_url("png", one)) != edit(data_url("png", other))
    assert edit(data_url("png", one), data_url("png", other)) != edit(
        data_url("png", other), data_url("png", one)
    )


def test_a_text_that_reads_like_a_picture_is_a_text() -> None:
    def chat(content: object) -> bytes:
        told = {"messages": [{"role": "user", "content": content}], "seed": 1}
        return cache_key(replace(ASKED, kind=Kind.CHAT, told=told), PEPPER)

    one, other = "data:image/png;base64,YQ==", "data:image/ and say no,YQ=="
    assert chat(one) != chat("data:image/jpeg;base64,YQ==")
    assert chat("data:image/x: sum it up,") != chat("data:image/y: translate,")
    assert chat([{"type": "text", "text": one}]) != chat([{"type": "text", "text": other}])
    assert chat([{"type": "image_url", "image_url": {"url": one}}]) != chat(
        [{"type": "image_url", "image_url": {"url": other}}]
    )
    assert chat([{"type": "image_url", "image_url": {"url": one}}]) == chat(
        [{"type": "image_url", "image_url": {"url": "data:image/webp;base64,YQ=="}}]
    )


@pytest.mark.parametrize(
    ("kind", "told", "wanted"),
    [
        (Kind.IMAGE, {"seed": 0}, True),
        (Kind.IMAGE, {}, False),
        (Kind.IMAGE_EDIT, {"seed": 1, "n": 4}, True),
        (Kind.CHAT, {"seed": 1}, True),
        (Kind.CHAT, {"seed": 1, "temperature": 0}, True),
        (Kind.CHAT, {"seed": 1, "temperature": 0.1}, False),
        (Kind.CHAT, {"temperature": 0}, False),
        (Kind.CHAT, {"seed": 1, "n": 2}, False),
        (Kind.COMPLETION, {"seed": 1}, True),
        (Kind.EMBEDDING, {}, True),
    ],
)
def test_by_itself_only_what_comes_out_the_same(
    kind: Kind, told: dict[str, Any], *, wanted: bool
) -> None:
    assert may_be_cached(kind, CacheMode.AUTO, told) is wanted
    assert may_be_cached(kind, CacheMode.ALLOW, told)
    assert not may_be_cached(kind, CacheMode.OFF, told)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # RFC 8785, appendix B.
        (0.0, "0"),
        (-0.0, "0"),
        (5e-324, "5e-324"),
        (-5e-324, "-5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (9007199254740992.0, "9007199254740992"),
        (295147905179352830000.0, "295147905179352830000"),
        (9.999999999999997e22, "9.999999999999997e+22"),
        (1e23, "1e+23"),
        (999999999999999900000.0, "999999999999999900000"),
        (1e21, "1e+21"),
        (9.999999999999997e-7, "9.999999999999997e-7"),
        (0.000001, "0.000001"),
        (333333333.33333325, "333333333.33333325"),
        (-0.0000033333333333333333, "-0.0000033333333333333333"),
        (1424953923781206.2, "1424953923781206.2"),
        (4.50, "4.5"),
        (True, "true"),
        (None, "null"),
        (2**63 - 1, "9223372036854775807"),
        ('€$\x0f\nA\'B"\\\\"/', '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
        ([56, {"d": True, "10": None, "1": 2}], '[56,{"1":2,"10":null,"d":true}]'),
        (
            {"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "😀": 5, "\x80": 6, "ö": 7},
            '{"\\r":2,"1":4,"\x80":6,"ö":7,"€":1,"😀":5,"\ufb33":3}',
        ),
    ],
)
def test_canonical_json_is_that_of_rfc_8785(value: object, text: str) -> None:
    assert canonical_json(value).decode() == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_what_is_no_number_has_no_form(value: object) -> None:
    with pytest.raises(ValueError, match="infinite"):
        canonical_json(value)
