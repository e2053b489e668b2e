"""The command line against a scripted server: what it prints where, and how it exits."""

import http.client
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from genq.cli.app import run
from genq.cli.exit_codes import ExitCode
from infra.clock import SystemClock
from schemas.signature import sign
from tests.fixtures.api_stub import KEY, PNG, SECRET, ApiStub, Home, Says, problem

Capture = pytest.CaptureFixture[str]
README = Path(__file__).parents[2] / "genq" / "README.md"

COMMANDS = [
    "", "api", "db", "db check", "db current", "db upgrade", "deliver", "demo", "dispatch",
    "env",
    "jobs", "jobs get", "jobs list", "simulator", "submit", "up", "version", "webhook",
    "webhook listen", "work",
]  # fmt: skip


def start(*arguments: str) -> "subprocess.Popen[str]":
    """Start the real command as a process of its own."""
    command = [sys.executable, "-P", "-m", "genq.cli", *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )


# --- submit ---------------------------------------------------------------------------------


def test_submit_prints_the_id_alone(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    code = run(["submit", "a kite", "-n", "2", "--seed", "7", "--metadata", "a=b=c"])

    printed = capsys.readouterr()
    (job,) = api_stub.jobs
    assert code == 0
    assert printed.out == f"{job}\n"
    assert f"next: genq jobs get {job} --wait" in printed.err
    (body,) = api_stub.submits()
    assert body["input"] == {"prompt": "a kite", "n": 2, "seed": 7}
    assert body["metadata"] == {"a": "b=c"}


def test_submit_as_json_prints_the_job(stub_home: Home, capsys: Capture) -> None:
    run(["submit", "a kite", "--json"])

    assert json.loads(capsys.readouterr().out)["status"] == "queued"


def test_an_image_is_waited_for_and_saved_where_it_was_asked(
    stub_home: Home, capsys: Capture
) -> None:
    code = run(["submit", "a kite", "-o", "out/kite.png"])

    printed = capsys.readouterr()
    assert code == 0
    assert printed.out == "out/kite.png\n"
    assert Path("out/kite.png").read_bytes() == PNG
    assert "succeeded" in printed.err


def test_several_images_are_saved_under_the_jobs_id(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    run(["submit", "a kite", "-n", "2", "--wait"])

    (job,) = api_stub.jobs
    assert capsys.readouterr().out.split() == [f"{job}-0.png", f"{job}-1.png"]
    assert Path(f"{job}-1.png").read_bytes() == PNG


def test_a_waited_job_as_json_tells_what_was_saved(stub_home: Home, capsys: Capture) -> None:
    run(["submit", "a kite", "-o", "kite.png", "--json"])

    printed = json.loads(capsys.readouterr().out)
    assert printed["status"] == "succeeded"
    assert printed["saved"] == ["kite.png"]


def test_a_chats_answer_is_printed(stub_home: Home, api_stub: ApiStub, capsys: Capture) -> None:
    run(["submit", "name three winds", "--kind", "chat", "--wait"])

    assert capsys.readouterr().out == "north, east, west\n"
    messages = api_stub.submits()[0]["input"]["messages"]
    assert messages == [{"role": "user", "content": "name three winds"}]


def test_a_chats_answer_is_saved(stub_home: Home, capsys: Capture) -> None:
    run(["submit", "name three winds", "--kind", "chat", "-o", "winds.txt"])

    assert capsys.readouterr().out == "winds.txt\n"
    assert Path("winds.txt").read_text() == "north, east, west\n"


def test_a_prompt_may_come_from_stdin(
    stub_home: Home, api_stub: ApiStub, tmp_path: Path
) -> None:
    (tmp_path / "prompt").write_text("a long\nprompt\n")
    with (tmp_path / "prompt").open() as prompt:
        command = [sys.executable, "-P", "-m", "genq.cli", "submit", "-"]
        subprocess.run(command, stdin=prompt, check=True, capture_output=True)

    assert api_stub.submits()[0]["input"]["prompt"] == "a long\nprompt"


def test_flags_win_over_the_profile(home: Home, api_stub: ApiStub) -> None:
    assert run(["submit", "x", "--url", api_stub.url, "--api-key", KEY]) == 0


# --- exit codes -----------------------------------------------------------------------------


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
        (problem(404, "not_found", "there is no job"), 3, "genq jobs list"),
        (problem(429, "rate_limited", "slow"), 6, "wait"),
        (problem(503, "database_unavailable", "restarting", error_id="err_1"), 5, "err_1"),
        (Says(body=b"<html>"), 5, "check --url"),
        (Says(cut=True), 5, "genq up"),
    ],
)
def test_what_the_server_says_decides_the_exit_code(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, *, says: Says, code: int, hint: str
) -> None:
    api_stub.script = [says]

    assert run(["jobs", "get", "job_01"]) == code

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
    process = start("submit", "a kite", "--wait")
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


# --- usage ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("sumbit x", "Did you mean 'submit'"),
        ("jobs lst", "Did you mean 'list'"),
        ("submit x --wiat", "did you mean --wait"),
        ("submit x --kind imge", "did you mean image"),
        ("submit x --lane trubo", "did you mean turbo"),
        ("submit x --lane zzz", "choose from turbo, fast, relax, batch"),
        ("jobs list --status runing", "did you mean running"),
        ("submit", "PROMPT"),
        ("submit x -n 11", "-n"),
        ("submit x --kind chat -n 2", "only images"),
        ("submit x --metadata broken", "KEY=VALUE"),
        ("submit x --priority 10", "--priority"),
    ],
)
def test_a_mistake_exits_with_2_and_says_what_was_meant(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, line: str, hint: str
) -> None:
    assert run(line.split()) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert hint in printed.err
    assert re.search(r"^next: genq.* --help$", printed.err, re.MULTILINE)
    assert api_stub.asked == []


def test_an_empty_prompt_is_a_mistake(stub_home: Home, capsys: Capture) -> None:
    assert run(["submit", "  "]) == 2
    assert "genq submit:" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_begins_with_an_example(command: str, capsys: Capture) -> None:
    assert run([*command.split(), "--help"]) == 0

    printed = capsys.readouterr().out
    first, second = printed.splitlines()[:2]
    assert first in {"Example:", "Examples:"}
    assert re.match("  .*genq", second)


def test_help_lists_every_command(capsys: Capture) -> None:
    found: list[str] = []
    for group in ("", "jobs", "webhook", "db"):
        run(group.split())
        listed = capsys.readouterr().out.partition("Commands:\n")[2]
        names = re.findall(r"^  (\S+)", listed, re.MULTILINE)
        found += [f"{group} {name}".strip() for name in names]

    assert sorted(["", *found]) == COMMANDS


def test_the_version_is_printed(capsys: Capture) -> None:
    assert run(["version"]) == 0
    assert re.match(r"genq \d+\.\d+", capsys.readouterr().out)


# --- jobs -----------------------------------------------------------------------------------


def test_jobs_are_listed_newest_first(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    made = [api_stub.add_job()["id"] for _ in range(3)]

    run(["jobs", "list", "--limit", "2"])

    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].split() == ["id", "status", "kind", "lane", "created", "model"]
    assert [line.split()[0] for line in lines[1:]] == [made[2], made[1]]
    assert f"more: genq jobs list --after {made[1]}" in printed.err


def test_jobs_are_listed_as_json_lines_over_pages(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    made = [api_stub.add_job()["id"] for _ in range(5)]
    api_stub.page_size = 2

    run(["jobs", "list", "--json"])

    printed = [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]
    assert printed == made[::-1]


def test_no_jobs_are_told_on_stderr(stub_home: Home, capsys: Capture) -> None:
    assert run(["jobs", "list", "--status", "failed"]) == 0

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "genq submit" in printed.err


def test_a_job_is_shown(stub_home: Home, api_stub: ApiStub, capsys: Capture) -> None:
    job = api_stub.add_job(metadata={"order": "7"})["id"]

    run(["jobs", "get", job])

    printed = capsys.readouterr().out
    assert f"id        {job}" in printed
    assert "metadata  order=7" in printed


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


# --- webhooks, processes ----------------------------------------------------------------------


def test_listen_prints_verified_events_and_ends_after_the_count(stub_home: Home) -> None:
    process = start("webhook", "listen", "--port", "0", "--count", "1", "--json")
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
    process = start("webhook", "listen", "--port", "0")
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
