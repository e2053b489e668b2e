"""`genq jobs cancel`: what it asks of the server, and what it says."""

import json
from typing import Any

import pytest

from genq.cli.app import run
from tests.fixtures.api_stub import ApiStub, Home, Says, problem
from tests.fixtures.command import in_a_terminal

Capture = pytest.CaptureFixture[str]


def report(cancelled: int, cancelling: int = 0, *, dry_run: bool = False) -> Says:
    body: dict[str, Any] = {
        "matched": cancelled + cancelling,
        "cancelled": cancelled,
        "cancelling": cancelling,
        "more": False,
        "dry_run": dry_run,
    }
    return Says(body=body)


def test_jobs_are_cancelled_by_their_ids(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    waits, runs = api_stub.add_job(), api_stub.add_job()
    ended = {**waits, "status": "cancelled", "finished_at": "2026-11-20T10:00:01.000Z"}
    api_stub.script = [Says(body=ended), Says(202, {**runs, "status": "running"})]

    assert run(["jobs", "cancel", waits["id"], runs["id"]]) == 0

    assert capsys.readouterr().out.splitlines() == [
        f"{waits['id']}  cancelled",
        f"{runs['id']}  cancelling",
    ]
    assert [asked.path for asked in api_stub.asked] == [
        f"/v1/jobs/{job['id']}/cancel" for job in (waits, runs)
    ]


def test_a_job_that_runs_is_waited_for(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    job = api_stub.add_job()
    api_stub.ending = {"status": "cancelled"}
    api_stub.script = [Says(202, {**job, "status": "running"})]

    assert run(["jobs", "cancel", job["id"], "--wait"]) == 0

    assert capsys.readouterr().out == f"{job['id']}  cancelled\n"


def test_a_job_that_has_ended_is_an_error(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    job = api_stub.add_job()
    api_stub.script = [problem(409, "job_already_ended", "the job has succeeded already")]

    assert run(["jobs", "cancel", job["id"]]) == 9
    assert "succeeded already" in capsys.readouterr().err


def test_one_bad_id_does_not_keep_the_others_from_being_cancelled(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    first, gone, ended, last = (api_stub.add_job() for _ in range(4))
    api_stub.script = [
        Says(body={**first, "status": "cancelled"}),
        problem(404, "not_found", "there is no such job"),
        problem(409, "job_already_ended", "the job has succeeded already"),
        Says(body={**last, "status": "cancelled"}),
    ]

    code = run(["jobs", "cancel", first["id"], gone["id"], ended["id"], last["id"]])

    printed = capsys.readouterr()
    assert code == 9
    assert printed.out.splitlines() == [f"{job['id']}  cancelled" for job in (first, last)]
    assert printed.err.splitlines()[-1] == "2 cancelled, 1 not found, 1 refused"


@pytest.mark.parametrize("wrong", ["", "nope", "job_1", "sched_01kb0q5v3mf0t8w2c7d4e9g6hj"])
def test_nothing_is_cancelled_if_one_id_is_malformed(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, wrong: str
) -> None:
    good = api_stub.add_job()

    assert run(["jobs", "cancel", good["id"], wrong]) == 2

    assert f"{wrong!r} is no id" in capsys.readouterr().err
    assert api_stub.asked == []


def test_jobs_are_cancelled_by_what_they_have_in_common(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.script = [report(12, 3)]

    flags = ["--lane", "batch", "--metadata", "campaign=spring", "--status", "queued"]
    assert run(["jobs", "cancel", *flags, "--yes"]) == 0

    assert capsys.readouterr().out == "12 cancelled at once, 3 being stopped\n"
    assert api_stub.submits() == [
        {
            "lane": "batch",
            "status": "queued",
            "metadata": {"campaign": "spring"},
            "all": False,
            "dry_run": False,
        }
    ]


def test_many_are_cancelled_only_after_a_yes_to_their_number(
    stub_home: Home, api_stub: ApiStub
) -> None:
    api_stub.script = [report(12, dry_run=True), report(12)]

    code, output = in_a_terminal("jobs", "cancel", "--lane", "batch", typed="n\n")

    assert (code, len(api_stub.asked)) == (1, 1), output
    assert "Cancel 12 jobs? [y/N]" in output
    assert "nothing was done" in output


def test_nobody_to_ask_is_told_to_say_yes(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.script = [report(1, dry_run=True)]

    assert run(["jobs", "cancel", "--all"]) == 2

    assert "Cancel 1 job? Say so: --yes" in capsys.readouterr().err
    assert len(api_stub.asked) == 1


def test_a_dry_run_only_counts(stub_home: Home, api_stub: ApiStub, capsys: Capture) -> None:
    api_stub.script = [report(12, dry_run=True)]

    assert run(["jobs", "cancel", "--all", "--dry-run", "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == {
        "matched": 12,
        "cancelled": 12,
        "cancelling": 0,
        "dry_run": True,
    }
    assert api_stub.submits() == [{"all": True, "dry_run": True}]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["job_1", "--lane", "fast"],
        ["job_1", "--dry-run"],
        ["--lane", "slow"],
        ["--all", "--wait"],
    ],
)
def test_an_unclear_choice_is_refused_before_anything_is_sent(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, arguments: list[str]
) -> None:
    assert run(["jobs", "cancel", *arguments]) == 2

    assert "next: genq jobs cancel --help" in capsys.readouterr().err
    assert api_stub.asked == []
