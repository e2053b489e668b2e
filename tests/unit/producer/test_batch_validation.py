"""Input files of batches that are not in order: each fault is told, with its line and code."""

import asyncio
import resource
from collections.abc import AsyncGenerator, Iterable
from typing import Any

import orjson
import pytest

from producer.batches.file_lines import FileLine, LineSplitter
from producer.batches.validation import Validated, Validator

CHAT = "/v1/chat/completions"
LONGEST = 1 << 16


def line(custom_id: object = "a", **changes: Any) -> bytes:
    told = {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": {"model": "m"}}
    return orjson.dumps({name: v for name, v in (told | changes).items() if v != "leave out"})


def validate(data: bytes | Iterable[bytes], *, most_lines: int = 1_000) -> Validated:
    async def chunks() -> AsyncGenerator[bytes]:
        for chunk in [data] if isinstance(data, bytes) else data:
            yield chunk

    validator = Validator(CHAT, longest=LONGEST, most_lines=most_lines)
    return asyncio.run(validator.validate(chunks(), lambda: False))


def faults(data: bytes | Iterable[bytes]) -> list[tuple[str, int | None, str | None]]:
    return [(e["code"], e["line"], e["param"]) for e in validate(data).errors]


@pytest.mark.parametrize(
    "data",
    [
        line("a") + b"\n" + line("b") + b"\n",
        line("a") + b"\n" + line("b"),
        line("a") + b"\r\n" + line("b") + b"\r\n",
        b"\xef\xbb\xbf" + line("a") + b"\n" + line("b"),
        line("a") + b"\n\n   \n" + line("b") + b"\n\r\n\n",
        line("a" * 512) + b"\n" + line("\N{PILE OF POO}" * 512),
        line("a", body={"model": "m", "stream": False}) + b"\n" + line("b", more=1),
        # Of a name that stands twice the last counts, as everywhere.
        line("a") + b"\n" + line("x").replace(b'"x"', b'"x","custom_id":"b"', 1),
    ],
)
def test_a_file_that_is_in_order_passes(data: bytes) -> None:
    assert validate(data) == Validated(2, "m", [])


@pytest.mark.parametrize(
    ("wrong", "code", "param"),
    [
        (b"{not json}", "invalid_json_line", None),
        (b'{"custom_id": "b"', "invalid_json_line", None),
        (b"[]", "invalid_json_line", None),
        (b'"text"', "invalid_json_line", None),
        (b"null", "invalid_json_line", None),
        (b"\x00" * 20, "invalid_json_line", None),
        (line("b").replace(b'"b"', b'"b\x00"'), "invalid_json_line", None),
        (line("b").replace(b'"b"', b'"b\xff\xfe"'), "invalid_json_line", None),
        (line("b").replace(b'"b"', b'"\\ud800"'), "invalid_json_line", None),
        (line("b").replace(b'"m"', b"NaN"), "invalid_json_line", None),
        (line("b").replace(b'"m"', b"[" * 5_000 + b"]" * 5_000), "invalid_json_line", None),
        (line("b") + line("c"), "invalid_json_line", None),
        (line("b").decode().encode("utf-16"), "invalid_json_line", None),
        (line("leave out"), "missing_required_parameter", "custom_id"),
        (line(None), "missing_required_parameter", "custom_id"),
        (line("b", method="leave out"), "missing_required_parameter", "method"),
        (line("b", url="leave out"), "missing_required_parameter", "url"),
        (line("b", body="leave out"), "missing_required_parameter", "body"),
        (line(7), "invalid_type", "custom_id"),
        (line(["b"]), "invalid_type", "custom_id"),
        (line("b", body=[]), "invalid_type", "body"),
        (line("b", body="text"), "invalid_type", "body"),
        (line(""), "invalid_value", "custom_id"),
        (line("b" * 513), "invalid_value", "custom_id"),
        (line("b\x00"), "invalid_value", "custom_id"),
        (line("b", method="GET"), "invalid_method", "method"),
        (line("b", method="post"), "invalid_method", "method"),
        (line("b", url="/v1/embeddings"), "invalid_url", "url"),
        (line("b", url="/v1/chat/completions/"), "invalid_url", "url"),
        (line("b", url=1), "invalid_url", "url"),
        (line("b", body={"model": "other"}), "mismatched_model", "body.model"),
        (line("b", body={}), "mismatched_model", "body.model"),
        (
            line("b", body={"model": "m", "stream": True}),
            "unsupported_parameter",
            "body.stream",
        ),
        (line("b", body={"model": "m", "x": "y" * LONGEST}), "line_too_long", None),
        (line("a"), "duplicate_custom_id", "custom_id"),
    ],
)
def test_a_line_that_is_wrong_is_told_with_its_number(
    wrong: bytes, code: str, param: str | None
) -> None:
    data = line("a") + b"\n\n" + wrong + b"\n" + line("z")

    assert faults(data) == [(code, 3, param)]
    if len(data) < 1_000:
        # However the store cuts it.
        assert faults(data[n : n + 1] for n in range(len(data))) == [(code, 3, param)]


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n \n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_a_file_without_requests_is_empty(data: bytes) -> None:
    assert faults(data) == [("empty_file", None, None)]


def test_a_fault_says_what_to_do() -> None:
    told = validate(
        b"\n".join(
            [
                line("a"),
                line("b", url="/v1/images"),
                line("a"),
                b"{",
                line("c").decode().encode("utf-16-le").join([b"\xff\xfe", b""]),
            ]
        )
    )

    assert [e["message"] for e in told.errors][:3] == [
        "url must be the batch's endpoint, '/v1/chat/completions', not '/v1/images'.",
        "The custom_id of this line was used before, on line 1.",
        "This line is not parseable as valid JSON: unexpected end of data, at character 2.",
    ]
    assert "UTF-16" in told.errors[3]["message"]


def test_a_file_of_too_many_requests_is_read_no_further() -> None:
    read: list[int] = []

    def endless() -> Iterable[bytes]:
        for n in range(1_000_000):
            read.append(n)
            yield line(f"c{n}") + b"\n"

    told = validate(endless(), most_lines=10)

    assert [e["code"] for e in told.errors] == ["too_many_requests_in_file"]
    assert "more than 10 requests" in told.errors[0]["message"]
    assert len(read) < 20


def test_blank_lines_hold_nobody_up_and_are_not_read_for_ever() -> None:
    turns = 0

    async def look() -> Validated:
        async def chunks() -> AsyncGenerator[bytes]:
            while True:
                # Cut so that each piece begins with what is left of a line.
                yield b"\n \r" * 100_000

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        busy = asyncio.create_task(others())
        told = await Validator(CHAT, longest=LONGEST, most_lines=20_000).validate(
            chunks(), lambda: False
        )
        busy.cancel()
        return told

    told = asyncio.run(look())

    assert "more than 200000 lines, most of them blank" in told.errors[0]["message"]
    assert turns > 5


def test_a_hundred_faults_are_listed_and_all_are_counted() -> None:
    told = validate([b"{\n"] * 150 + [line("a") + b"\n"] * 51)

    assert [e["line"] for e in told.errors] == [*range(1, 101), None]
    assert told.errors[-1]["code"] == "more_errors"
    assert told.errors[-1]["message"] == (
        "100 further faults are not listed; there are 200 in all."
    )


def test_a_line_without_an_end_is_never_held() -> None:
    splitter, piece = LineSplitter(longest=LONGEST), b"x" * (64 * 1024)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found: list[FileLine] = []

    for _ in range(128 * 16):
        found += splitter.feed(piece)
    found += splitter.feed(b"\n" + line("b") + b"\n")

    assert [(one.number, one.data) for one in found] == [(1, None), (2, line("b"))]
    assert found[0].end == 128 * 1024**2 + 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024


def test_places_in_a_file_lead_to_the_lines_after_them() -> None:
    data = b"\xef\xbb\xbf" + b"\r\n".join([line("a"), b"", line("b"), line("c")])
    whole = LineSplitter(longest=LONGEST)
    found = [*whole.feed(data), *whole.finish()]

    for n, one in enumerate(found):
        rest = LineSplitter(longest=LONGEST, number=one.number, place=one.end)
        assert [*rest.feed(data[one.end :]), *rest.finish()] == found[n + 1 :]
    assert [one.number for one in found] == [1, 3, 4]
    assert found[-1].end == len(data)
