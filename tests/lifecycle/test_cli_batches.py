"""`genq batch` against a scripted server."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from genq.cli.app import run
from genq.cli.exit_codes import ExitCode
from tests.fixtures.api_stub import ApiStub, Home, Says, problem

Capture = pytest.CaptureFixture[str]

ID: Final = "batch_01kb0q5v3mf0t8w2c7d4e9g6hj"
FILE: Final[dict[str, Any]] = {
    "id": "file-01kb0q5v3mf0t8w2c7d4e9g6hj",
    "object": "file",
    "bytes": 3,
    "created_at": 1_763_632_800,
    "expires_at": None,
    "filename": "rows.jsonl",
    "purpose": "batch",
    "status": "processed",
    "status_details": None,
}
BATCH: Final[dict[str, Any]] = {
    "id": ID,
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "errors": None,
    "input_file_id": FILE["id"],
    "completion_window": "24h",
    "status": "validating",
    "created_at": 1_763_632_800,
    "expires_at": 1_763_719_200,
    "request_counts": {"total": 0, "completed": 0, "failed": 0},
    "metadata": None,
    "genq": {"lane": "batch", "priority": 5, "progress": 0.0, "errors": []},
}
TIMEOUTS: Final = {
    "code": "model_timeout",
    "count": 1,
    "message": "too slow",
    "sample_custom_id": "row-2",
    "sample_line": 2,
}


def at(status: str, done: int, failed: int = 0, **more: Any) -> Says:
    counts = {"total": 4, "completed": done, "failed": failed}
    errors = [TIMEOUTS] if failed else []
    genq = BATCH["genq"] | {"progress": (done + failed) / 4, "errors": errors}
    genq |= {"errors_looked_at": failed}
    told = {"status": status, "request_counts": counts, "genq": genq}
    return Says(body=BATCH | told | more)


def line(seq: int) -> bytes:
    told: dict[str, Any] = {"id": f"batch_req_{seq}", "custom_id": f"row-{seq}", "seq": seq}
    response = {"status_code": 200, "request_id": "req_1", "body": {"n": seq}}
    told |= {"response": response, "error": None}
    return json.dumps(told).encode() + b"\n"


def streamed(*pieces: bytes, status: str = "completed", **more: Any) -> Says:
    headers = {"x-genq-next-after": "9", "x-genq-batch-status": status}
    return Says(body=b"".join(pieces), headers=headers, **more)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("word\ncat\ndog\n")
    return path


def test_a_table_is_uploaded_and_becomes_a_batch(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, rows: Path
) -> None:
    api_stub.script = [Says(body=FILE), Says(body=BATCH)]
    flags = ["--template", "Say {{word}}", "--lane", "relax", "--metadata", "night=1"]

    assert run(["batch", "submit", str(rows), *flags, "--max-parallel", "5"]) == 0

    upload, create = api_stub.asked
    assert upload.path == "/v1/files"
    assert upload.headers["content-type"].startswith("multipart/form-data")
    assert b'name="purpose"\r\n\r\nbatch\r\n' in upload.body
    assert upload.body.count(b'"url":"/v1/chat/completions"') == 2
    assert "idempotency-key" in create.headers
    assert create.json() == {
        "input_file_id": FILE["id"],
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"night": "1"},
        "genq": {"lane": "relax", "max_parallel": 5},
    }
    printed = capsys.readouterr()
    assert printed.out == f"{ID}\n"
    assert f"genq batch watch {ID}" in printed.err


def test_nothing_is_sent_of_a_file_that_is_wrong(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, rows: Path
) -> None:
    rows.write_text("word\na,b\n")
    flags = ["--template", "{{word}}"]
    assert run(["batch", "submit", str(rows), *flags]) == ExitCode.USAGE
    assert "line 2 has 2 values" in capsys.readouterr().err
    assert run(["batch", "submit", str(rows), *flags, "--window", "soon"]) == ExitCode.USAGE
    rows.write_text("word\na\n")
    assert run(["batch", "submit", str(rows), *flags, "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["custom_id"] == "row-1"
    assert api_stub.asked == []


def test_a_file_whose_batch_is_refused_does_not_stay(
    stub_home: Home, api_stub: ApiStub, rows: Path
) -> None:
    full = problem(429, "too_many_batches", "100 batches are under way", retryable=False)
    api_stub.script = [Says(body=FILE), full, Says(body={"deleted": True})]
    code = run(["batch", "submit", str(rows), "--template", "{{word}}"])
    assert code == ExitCode.RATE_LIMITED
    assert [(one.method, one.path) for one in api_stub.asked][-1] == (
        "DELETE",
        f"/v1/files/{FILE['id']}",
    )


def test_the_answers_are_saved_and_what_failed_beside_them(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, rows: Path, tmp_path: Path
) -> None:
    ended = at("completed", 3, 1, output_file_id="file-a", error_file_id="file-b")
    answers = [Says(body=b"good\n"), Says(body=b"bad\n")]
    api_stub.script = [Says(body=FILE), Says(body=BATCH), ended, *answers]
    out = tmp_path / "out.jsonl"

    flags = ["--template", "{{word}}", "-o", str(out)]
    assert run(["batch", "submit", str(rows), *flags]) == ExitCode.FAILED

    assert out.read_bytes() == b"good\n"
    assert (tmp_path / "out.errors.jsonl").read_bytes() == b"bad\n"
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [str(out), str(tmp_path / "out.errors.jsonl")]
    assert "3 of 4 lines succeeded" in printed.err
    assert "1 line: model_timeout, such as row-2 (line 2): too slow" in printed.err
    assert f"genq batch retry {ID}" in printed.err


def test_a_batch_is_followed_to_its_end(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.script = [at("in_progress", 1), at("in_progress", 2), at("completed", 4)]
    assert run(["batch", "watch", ID]) == 0
    printed = capsys.readouterr().err
    assert "in progress, 2 of 4 lines" in printed
    assert "completed: 4 of 4 lines succeeded" in printed


def test_a_refused_file_is_told_with_its_lines(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    error = {"code": "invalid_json_line", "line": 7, "message": "not JSON", "param": None}
    errors = {"object": "list", "data": [error]}
    api_stub.script = [at("failed", 0, errors=errors)] * 2
    assert run(["batch", "watch", ID]) == ExitCode.FAILED
    assert "line 7: not JSON (invalid_json_line)" in capsys.readouterr().err


def test_lines_that_expired_are_told_beside_those_that_failed(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    lost = BATCH["genq"] | {"expired_lines": 2, "progress": 1.0}
    counts = {"total": 4, "completed": 2, "failed": 0}
    api_stub.script = [at("expired", 2, request_counts=counts, genq=lost)] * 2
    assert run(["batch", "watch", ID]) == ExitCode.FAILED
    printed = capsys.readouterr().err
    assert "expired, 4 of 4 lines, 2 without success" in printed
    assert f"genq batch retry {ID}" in printed


def test_a_batch_that_failed_half_way_is_no_refused_file(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    error = {"code": "input_file_unreadable", "line": 3, "message": "gone", "param": None}
    errors = {"object": "list", "data": [error]}
    api_stub.script = [at("failed", 3, errors=errors, in_progress_at=1_763_632_801)] * 2
    assert run(["batch", "watch", ID]) == ExitCode.FAILED
    printed = capsys.readouterr().err
    assert "failed: 3 of 4 lines succeeded" in printed
    assert "refused" not in printed


def test_who_waits_no_longer_learns_how_to_come_back(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.script = [at("in_progress", 1)] * 4
    assert run(["batch", "watch", ID, "--timeout", "0.01"]) == ExitCode.TIMED_OUT
    assert f"genq batch watch {ID}" in capsys.readouterr().err


def test_results_are_printed_as_they_come(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, tmp_path: Path
) -> None:
    api_stub.script = [streamed(line(1), line(2))]
    assert run(["batch", "results", ID, "--include", "output", "--after", "0"]) == 0
    printed = capsys.readouterr()
    assert [json.loads(one)["seq"] for one in printed.out.splitlines()] == [1, 2]
    assert "--after 2" in printed.err
    assert api_stub.asked[0].query == {"after": "0", "include": "output"}
    api_stub.script = [streamed(line(3))]
    assert run(["batch", "results", ID, "-o", str(tmp_path / "r.jsonl")]) == 0
    assert json.loads((tmp_path / "r.jsonl").read_text())["seq"] == 3


def test_results_go_on_behind_the_last_line_after_a_break(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    torn = streamed(status="in_progress", stream=(line(1), line(2)[:9]), cut=True)
    going = streamed(line(2), status="in_progress")
    api_stub.script = [torn, going, streamed(line(3))]
    api_stub.go.set()
    assert run(["batch", "results", ID, "--follow"]) == 0
    found = [json.loads(one)["seq"] for one in capsys.readouterr().out.splitlines()]
    assert found == [1, 2, 3]
    assert [one.query["after"] for one in api_stub.asked] == ["0", "1", "9"]


def test_batches_are_listed_shown_cancelled_and_tried_again(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    page = {"object": "list", "data": [BATCH], "has_more": False, "last_id": ID}
    api_stub.script = [
        Says(body=page),
        at("completed", 3, 1),
        at("cancelling", 1),
        Says(body=BATCH),
    ]
    assert run(["batch", "ls"]) == 0
    assert ID in capsys.readouterr().out
    assert run(["batch", "get", ID]) == 0
    assert "completed, 4 of 4 lines, 1 without success" in capsys.readouterr().out
    assert run(["batch", "cancel", ID]) == 0
    assert capsys.readouterr().out == f"{ID}  cancelling\n"
    assert run(["batch", "retry", ID, "--window", "2d"]) == 0
    assert api_stub.asked[-1].json() == {"completion_window": "2d"}
    assert [one.path.rpartition("/")[2] for one in api_stub.asked] == [
        "batches",
        ID,
        "cancel",
        "retry",
    ]
