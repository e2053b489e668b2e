"""Which lines of files name a person, whatever stands around the name, and however long."""

import asyncio
from uuid import UUID, uuid4

import orjson
import pytest

from infra.postgres.erased_lines import ErasedLine
from producer.batches.erased_marks import ERASED_LINE
from producer.batches.file_lines import LineSplitter
from producer.batches.line_check import InputLine, check_line
from producer.privacy.line_choice import AnswerLines, RawLine, RequestLines

CHAT = "/v1/chat/completions"
LONGEST = 1_000


def line(**body: object) -> bytes:
    told = {"custom_id": "a", "method": "POST", "url": CHAT, "body": body}
    return orjson.dumps(told)


def replaced(data: bytes) -> bytes | None:
    choice = RequestLines(lambda name: name == "alice", set(), exact=LONGEST)
    return choice.replaced(RawLine(1, data, whole=True))


@pytest.mark.parametrize("space", [b"\x0b", b"\x0c", b" \x0c\t\r"])
def test_no_space_beside_a_line_that_is_a_request_hides_whom_it_names(space: bytes) -> None:
    for raw in (line(user="alice") + space + b"\n", space + line(user="alice") + b"\n"):
        (read,) = LineSplitter(longest=LONGEST).feed(raw)
        assert isinstance(check_line(read.data, CHAT, longest=LONGEST), InputLine)
        there = replaced(raw)
        assert there is not None
        assert (len(there), there.strip()) == (len(raw), ERASED_LINE)


@pytest.mark.parametrize(
    ("body", "theirs"),
    [
        ({"user": "alice"}, True),
        ({"user": "bob", "safety_identifier": "alice"}, True),
        ({"user": "bob", "genq": {"end_user": "alice"}}, True),
        ({"user": "bob"}, False),
        ({"user": "alice2", "prompt": '"user": "alice"'}, False),
        ({"user": "bob", "stop": "alice"}, False),
    ],
)
def test_a_line_that_is_too_long_to_be_a_request_is_a_persons_all_the_same(
    body: dict[str, object], theirs: bool
) -> None:
    for long in (line(**body, x="x" * LONGEST), line(x="x" * LONGEST, **body)):
        for raw in (long, long.replace(b":", b" :\t"), long[:-1]):
            assert len(raw) > LONGEST
            assert (replaced(raw + b"\n") is not None) is theirs


def test_a_name_that_json_writes_in_escapes_is_found_in_a_line_that_is_too_long() -> None:
    assert replaced(line(x="x" * LONGEST, user="?").replace(b"?", b"al\\u0069ce"))
    assert replaced(line(x="x" * LONGEST, user="?").replace(b"?", b"\\")) is None


def test_knowing_the_answers_of_many_erased_lines_holds_up_nobody() -> None:
    erased = [ErasedLine(n, f"erased-{n}", None, UUID(int=1)) for n in range(5_000)]

    async def scenario() -> int:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        task = asyncio.create_task(others())
        await asyncio.sleep(0)
        before = turns
        await AnswerLines.of(uuid4(), erased, UUID(int=1))
        task.cancel()
        return turns - before

    assert asyncio.run(scenario()) > 0
