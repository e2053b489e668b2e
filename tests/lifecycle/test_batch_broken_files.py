"""A broken input file: the batch is ``failed``, with the lines that are wrong, and no job."""

from typing import Final

import orjson
import pytest

from infra.settings import Settings
from schemas.batch import BatchStatus
from tests.fixtures.kept_batches import Batches, line, lines

HEAD: Final = lines(6)
BOM: Final = b"\xef\xbb\xbf"
CRLF: Final = lines(3).replace(b"\n", b"\r\n")
LONG: Final = Settings.model_fields["max_body_bytes"].default
ELSEWHERE: Final = orjson.dumps(line(3, url="/v1/embeddings"))


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        (HEAD + b"{not json}\n" + lines(9).splitlines()[8], [("invalid_json_line", 7)]),
        (HEAD + orjson.dumps(line(2)) + b"\n", [("duplicate_custom_id", 7)]),
        (lines(2) + ELSEWHERE, [("invalid_url", 3)]),
        (b"", [("empty_file", None)]),
        (b"\n\r\n \n", [("empty_file", None)]),
        (BOM, [("empty_file", None)]),
        (
            lines(1) + b"x" * (8 << 20) + b"\n{\n",
            [("line_too_long", 2), ("invalid_json_line", 3)],
        ),
        (lines(2) + b'{"custom_id": "' + b"y" * LONG + b'"}', [("line_too_long", 3)]),
        (lines(3) + b"\x00" * 4096 + b"\n", [("invalid_json_line", 4)]),
        (b"\x00" * 4096, [("invalid_json_line", 1)]),
        (CRLF + b"{\r\n", [("invalid_json_line", 4)]),
        (CRLF + b"\r\n" + ELSEWHERE + b"\r\n", [("invalid_url", 5)]),
        (BOM + b"{\n" + lines(1), [("invalid_json_line", 1)]),
        (BOM + CRLF + BOM + lines(1), [("invalid_json_line", 4)]),
        (lines(3).decode().encode("utf-16"), [("invalid_json_line", n) for n in range(1, 5)]),
    ],
)
def test_a_broken_file_fails_its_batch_with_the_lines_that_are_wrong(
    batches: Batches, data: bytes, faults: list[tuple[str, int | None]]
) -> None:
    batch = batches.create(data)

    batches.finish(batches.claim())

    done = batches.read(batch)
    assert done.status is BatchStatus.FAILED
    assert [(one["code"], one["line"]) for one in done.errors or ()] == faults
    assert all(one["message"] for one in done.errors or ())
    assert (done.completed, done.failed, done.output_file_id) == (0, 0, None)
    assert batches.jobs() == 0
    assert [name for name, _ in batches.events()] == ["batch.failed"]


def test_line_ends_of_windows_and_a_mark_of_its_editors_are_no_faults(batches: Batches) -> None:
    batch = batches.create(BOM + CRLF + b"\r\n")

    assert batches.finish(batches.claim()).answered == ["c1", "c2", "c3"]

    assert batches.read(batch).errors is None
