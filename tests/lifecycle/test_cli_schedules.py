"""`genq schedules` against a scripted server."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from genq.cli.app import run
from genq.cli.exit_codes import ExitCode
from tests.fixtures.api_stub import ApiStub, Home, Says, problem

Capture = pytest.CaptureFixture[str]

ID: Final = "sched_01kb0q5v3mf0t8w2c7d4e9g6hj"
SCHEDULE: Final[dict[str, Any]] = {
    "id": ID,
    "object": "schedule",
    "name": "nightly",
    "cron": "30 2 * * *",
    "timezone": "Europe/Berlin",
    "request": {"kind": "image", "input": {"prompt": "a red kite"}},
    "catch_up": "once",
    "paused": False,
    "next_at": "2026-11-21T01:30:00.000Z",
    "last_run": None,
    "error": None,
    "created_at": "2026-11-20T10:00:00.000Z",
}


def listed(*data: Any) -> Says:
    return Says(body={"object": "list", "data": data, "has_more": False, "next": None})


def test_a_schedule_is_made_of_a_prompt(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.script = [Says(201, SCHEDULE)]

    flags = ["--timezone", "Europe/Berlin", "--lane", "batch", "--catch-up", "skip"]
    assert run(["schedules", "create", "nightly", "30 2 * * *", "a red kite", *flags]) == 0

    assert api_stub.submits() == [
        {
            "name": "nightly",
            "cron": "30 2 * * *",
            "timezone": "Europe/Berlin",
            "catch_up": "skip",
            "request": {"kind": "image", "input": {"prompt": "a red kite"}, "lane": "batch"},
        }
    ]
    printed = capsys.readouterr()
    assert printed.out == f"{ID}\n"
    assert "due next 21 Nov 2026 01:30:00Z" in printed.err


def test_a_schedule_is_made_of_a_file(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, tmp_path: Path
) -> None:
    api_stub.script = [Says(201, SCHEDULE)]
    file = tmp_path / "job.json"
    file.write_text(json.dumps(SCHEDULE["request"]))

    assert run(["schedules", "create", "x", "@daily", "--file", str(file), "--json"]) == 0

    assert api_stub.submits()[0]["request"] == SCHEDULE["request"]
    assert json.loads(capsys.readouterr().out) == SCHEDULE


@pytest.mark.parametrize(
    "wrong",
    [
        ["create", "x", "@daily"],
        ["create", "x", "@daily", "a kite", "--catch-up", "always"],
        ["create", "x", "@daily", "a kite", "--kind", "video"],
        ["create", "x", "@daily", "a kite", "--lane", "slow"],
    ],
)
def test_a_usage_that_makes_no_sense_is_told_before_anything_is_sent(
    stub_home: Home, api_stub: ApiStub, wrong: list[str]
) -> None:
    assert run(["schedules", *wrong]) == ExitCode.USAGE
    assert api_stub.asked == []


def test_a_file_that_is_no_job_is_told(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "job.json"
    for content in ("{", "[]"):
        file.write_text(content)
        code = run(["schedules", "create", "x", "@daily", "--file", str(file)])
        assert code == ExitCode.USAGE
        assert "JSON" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_told(stub_home: Home, capsys: Capture) -> None:
    assert run(["schedules", "create", "x", "@daily", "--file", "none.json"]) == 2
    assert "none.json: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["show", "trigger", "delete", "pause", "resume", "update"])
def test_a_schedule_that_is_not_there_is_told_with_a_close_name(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, command: str
) -> None:
    api_stub.script = [listed(SCHEDULE)]

    assert run(["schedules", command, "nigthly"]) == ExitCode.NOT_FOUND

    assert "no schedule 'nigthly'; did you mean nightly?" in capsys.readouterr().err
    assert [asked.method for asked in api_stub.asked] == ["GET"]


def test_a_schedule_is_called_by_its_name(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.script = [listed(SCHEDULE), Says(body=SCHEDULE), listed()]

    assert run(["schedules", "show", "nightly"]) == 0

    assert f"id        {ID}" in capsys.readouterr().out


def test_a_schedule_is_not_deleted_without_a_yes(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    assert run(["schedules", "delete", ID]) == ExitCode.USAGE

    assert "--yes" in capsys.readouterr().err
    assert api_stub.asked == []


def test_schedules_are_listed(stub_home: Home, api_stub: ApiStub, capsys: Capture) -> None:
    paused = {**SCHEDULE, "name": "other", "paused": True, "next_at": None, "error": "gone"}
    api_stub.script = [listed(SCHEDULE, paused)]

    run(["schedules", "list"])

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["id", "name", "cron", "timezone", "next", "error"]
    assert "21 Nov 2026 01:30:00Z" in lines[1]
    assert lines[2].split()[-2:] == ["paused", "gone"]


def test_no_schedules_are_told_on_stderr(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.script = [listed()]

    assert run(["schedules", "list"]) == 0

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "genq schedules create" in printed.err


def test_a_schedule_is_shown_with_its_runs(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    runs = listed(
        {"slot": "2026-11-20T01:30:00.000Z", "job_id": "job_01", "error": None},
        {"slot": "2026-11-19T01:30:00.000Z", "job_id": None, "error": "no model 'x'"},
    )
    api_stub.script = [Says(body=SCHEDULE), runs]

    run(["schedules", "get", ID])

    printed = capsys.readouterr().out
    assert "cron      30 2 * * * (Europe/Berlin)" in printed
    assert "run       20 Nov 2026 01:30:00Z  job_01" in printed
    assert "run       19 Nov 2026 01:30:00Z  no model 'x'" in printed


def test_pause_resume_trigger_update_and_delete_ask_for_just_that(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    job = api_stub.add_job()
    for command, says, method, path in (
        (["pause", ID], Says(body={**SCHEDULE, "paused": True}), "POST", f"/{ID}/pause"),
        (["resume", ID], Says(body=SCHEDULE), "POST", f"/{ID}/resume"),
        (["trigger", ID], Says(202, job), "POST", f"/{ID}/trigger"),
        (["update", ID, "--cron", "@daily"], Says(body=SCHEDULE), "PATCH", f"/{ID}"),
        (["delete", ID, "--yes"], Says(204, b""), "DELETE", f"/{ID}"),
    ):
        api_stub.script = [says]
        assert run(["schedules", *command]) == 0, command
        asked = api_stub.asked[-1]
        assert (asked.method, asked.path) == (method, f"/v1/schedules{path}")
    assert api_stub.asked[-2].json() == {"cron": "@daily"}
    assert job["id"] in capsys.readouterr().out


def test_what_the_server_refuses_is_told(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.script = [problem(404, "not_found", f"there is no schedule {ID}")]

    assert run(["schedules", "pause", ID]) == ExitCode.NOT_FOUND
    assert f"there is no schedule {ID}" in capsys.readouterr().err
