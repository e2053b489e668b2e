"""Every way to end has its own exit code, the same in the README, with a next step."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from genq.cli.app import run
from genq.cli.exit_codes import ExitCode
from tests.fixtures.api_stub import ApiStub, Home, Says, problem
from tests.fixtures.command import start_genq

Capture = pytest.CaptureFixture[str]
README = Path(__file__).parents[2] / "genq" / "README.md"


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ({"status": "failed", "error": {"code": "model_unavailable", "message": "down"}}, 1),
        ({"status": "cancelled"}, 1),
        ({"status": "expired"}, 1),
        ({"status": "blocked", "error": {"code": "content_blocked", "message": "no"}}, 7),
    ],
)
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_job_that_ends_badly_decides_the_exit_code(
    stub_home: Home,
    api_stub: ApiStub,
    capsys: Capture,
    *,
    ending: dict[str, Any],
    code: int,
    more: list[str],
) -> None:
    api_stub.ending = ending

    assert run(["submit", "a kite", "--wait", *more]) == code

    printed = capsys.readouterr()
    assert ending["status"] in printed.err
    if more:
        assert json.loads(printed.out)["status"] == ending["status"]
    else:
        assert printed.out == ""


@pytest.mark.parametrize(
    ("says", "code", "hint"),
    [
        (problem(400, "invalid_request", "bad"), 2, ""),
        (problem(400, "content_blocked", "no"), 7, "change the prompt"),
        (problem(401, "invalid_api_key", "unknown"), 4, "GENQ_API_KEY"),
        (problem(403, "forbidden", "no"), 4, ""),
        (problem(404, "not_found", "there is no job"), 3, "genq jobs ls"),
        (problem(409, "name_taken", "there is one"), 9, ""),
        (problem(429, "rate_limited", "slow"), 6, "wait"),
        (problem(503, "database_unavailable", "restarting", error_id="err_1"), 5, "err_1"),
        (Says(body=b"<html>"), 5, "check --url"),
        (Says(cut=True), 5, "genq up"),
    ],
)
def test_what_the_server_says_decides_the_exit_code(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, *, says: Says, code: int, hint: str
) -> None:
    # As often as the SDK asks again.
    api_stub.script = [says] * 8

    assert run(["jobs", "get", "job_" + "0" * 26]) == code

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("genq: ")
    assert hint in printed.err


def test_faults_in_the_request_are_listed(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    faults = [{"pointer": "/input/size", "message": "must be WxH"}]
    api_stub.script = [problem(400, "invalid_request", "bad", errors=faults)]

    run(["submit", "x", "--size", "big"])

    assert "  /input/size: must be WxH\n" in capsys.readouterr().err


def test_impatience_exits_with_124_and_the_command_to_go_on(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.never_ends = True

    assert run(["submit", "x", "--timeout", "0.1"]) == 124

    (job,) = api_stub.jobs
    assert f"next: genq jobs get {job} --wait" in capsys.readouterr().err


def test_no_server_exits_with_5(home: Home, capsys: Capture) -> None:
    assert run(["jobs", "list", "--url", "http://127.0.0.1:9", "--api-key", "k"]) == 5
    assert "cannot reach genq at http://127.0.0.1:9" in capsys.readouterr().err


def test_no_profile_exits_with_8(home: Home, capsys: Capture) -> None:
    assert run(["jobs", "list"]) == 8
    assert "run `genq up`" in capsys.readouterr().err


def test_ctrl_c_exits_with_130_and_the_job_goes_on(stub_home: Home, api_stub: ApiStub) -> None:
    api_stub.never_ends = True
    process = start_genq("submit", "a kite", "--wait")
    assert process.stderr is not None
    first = process.stderr.readline()

    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=10)

    (job,) = api_stub.jobs
    assert job in first
    assert process.returncode == 130
    assert f"later: genq jobs get {job} --wait" in rest
    assert "Traceback" not in rest


def test_a_place_that_cannot_be_written_is_named(stub_home: Home, capsys: Capture) -> None:
    Path("file").write_text("")

    assert run(["submit", "x", "-o", "file/kite.png"]) == 1
    assert "file" in capsys.readouterr().err


def test_the_readme_documents_every_exit_code() -> None:
    documented = re.findall(r"^\| (\d+) \|", README.read_text(), re.MULTILINE)

    assert [int(code) for code in documented] == sorted(ExitCode)
