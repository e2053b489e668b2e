"""`genq jobs` and `genq webhook` against a scripted server; processes without packages."""

import http.client
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from genq.cli.app import run
from infra.clock import SystemClock
from schemas.signature import sign
from tests.fixtures.api_stub import KEY, SECRET, ApiStub, Home
from tests.fixtures.command import start_genq

Capture = pytest.CaptureFixture[str]


def test_jobs_are_listed_newest_first(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    made = [api_stub.add_job()["id"] for _ in range(3)]

    run(["jobs", "ls", "--limit", "2"])

    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].split() == ["id", "status", "kind", "lane", "created", "model"]
    assert [line.split()[0] for line in lines[1:]] == [made[2], made[1]]
    assert f"more: the same with --after {made[1]}" in printed.err


def test_jobs_are_listed_as_json_lines_over_pages(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    made = [api_stub.add_job()["id"] for _ in range(5)]
    api_stub.page_size = 2

    run(["jobs", "ls", "--json"])

    printed = [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]
    assert printed == made[::-1]


def test_no_jobs_are_told_on_stderr(stub_home: Home, capsys: Capture) -> None:
    assert run(["jobs", "ls"]) == 0

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "genq submit" in printed.err


def test_a_job_is_shown(stub_home: Home, api_stub: ApiStub, capsys: Capture) -> None:
    job = api_stub.add_job(metadata={"order": "7"})["id"]

    run(["jobs", "get", job])

    printed = capsys.readouterr().out
    assert f"id        {job}" in printed
    assert "metadata  order=7" in printed


def test_a_queued_job_tells_its_place_and_its_times(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    job = api_stub.add_job(
        run_at="2026-11-20T11:00:00.000Z",
        deadline="2026-11-20T12:00:00.000Z",
        queue={
            "position": 3,
            "estimated": True,
            "eta_seconds": {"low": 5, "high": 20},
            "waiting_until": "2026-11-20T10:30:00.000Z",
        },
    )["id"]
    api_stub.never_ends = True

    run(["jobs", "get", job])

    printed = capsys.readouterr().out
    assert "created   20 Nov 10:00:00Z\n" in printed
    assert "run at    20 Nov 11:00:00Z\n" in printed
    assert "deadline  20 Nov 12:00:00Z\n" in printed
    place = "about number 3 in its lane, starts in 5 to 20 s, waits until 20 Nov 10:30:00Z"
    assert f"queue     {place}\n" in printed


def test_the_flags_of_time_and_of_uniqueness_are_sent(
    stub_home: Home, api_stub: ApiStub
) -> None:
    flags = ["--run-at", "30", "--start-timeout", "60", "--unique-key", "k"]

    assert run(["submit", "x", *flags, "--deadline", "2026-12-01T08:00+01:00"]) == 0

    (asked,) = api_stub.submits()
    assert (asked["run_at"], asked["start_timeout"]) == (30, 60)
    assert asked["deadline"] == "2026-12-01T08:00:00+01:00"
    assert asked["unique"] == {"key": "k"}


@pytest.mark.parametrize("when", ["tomorrow", "2026-12-01T08:00", "nan"])
def test_a_time_without_its_offset_is_refused(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, when: str
) -> None:
    assert run(["submit", "x", "--run-at", when]) == 2
    assert "--run-at" in capsys.readouterr().err
    assert api_stub.asked == []


def test_a_job_is_waited_for_by_its_id(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    job = api_stub.add_job()["id"]

    assert run(["jobs", "get", job, "--wait", "-o", "kite.png"]) == 0
    assert capsys.readouterr().out == "kite.png\n"


def test_a_job_that_runs_has_nothing_to_save(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.never_ends = True
    job = api_stub.add_job()["id"]

    assert run(["jobs", "get", job, "-o", "kite.png"]) == 1
    assert "is queued" in capsys.readouterr().err


def test_listen_prints_verified_events_and_ends_after_the_count(stub_home: Home) -> None:
    process = start_genq("webhook", "listen", "--port", "0", "--count", "1", "--json")
    assert process.stderr is not None
    found = re.search(r"http://127.0.0.1:\d+/", process.stderr.readline())
    assert found

    post_signed(found[0], b'{"id": "evt_1", "type": "job.succeeded", "data": {}}')

    printed, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert json.loads(printed)["event"]["id"] == "evt_1"


def test_listen_without_a_secret_says_where_it_comes_from(home: Home, capsys: Capture) -> None:
    assert run(["webhook", "listen"]) == 8
    assert "pass --secret" in capsys.readouterr().err


def test_listen_stops_on_ctrl_c(stub_home: Home) -> None:
    process = start_genq("webhook", "listen", "--port", "0")
    assert process.stderr is not None
    process.stderr.readline()

    process.send_signal(signal.SIGINT)

    process.communicate(timeout=10)
    assert process.returncode == 130


def test_without_the_server_extra_it_says_what_to_install(tmp_path: Path) -> None:
    bare = "import sys; sys.modules['celery'] = None; from genq.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", bare, "work"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 8
    assert 'pip install "genq[all]"' in done.stderr


def test_the_help_comes_at_once_without_the_heavy_libraries() -> None:
    probe = (
        "import sys; from genq.cli.app import run; run(['--help']);"
        "print(sorted({'httpx2', 'rich', 'pydantic', 'celery'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", probe], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"


def post_signed(url: str, body: bytes) -> None:
    """Send a webhook as the delivery process would."""
    now = int(SystemClock().now().timestamp())
    headers = sign(SECRET, message_id="evt_1", at_seconds=now, body=body)
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    connection.request("POST", "/", body, headers)
    assert connection.getresponse().status == 204
    connection.close()


def test_the_key_in_use_is_printed_for_curl(stub_home: Home, capsys: Capture) -> None:
    assert run(["key"]) == 0
    assert capsys.readouterr().out == f"{KEY}\n"
