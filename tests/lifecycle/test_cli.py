"""`genq submit` against a scripted server: what it prints where, and what it saves."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from genq.cli.app import run
from tests.fixtures.api_stub import KEY, PNG, ApiStub, Home

Capture = pytest.CaptureFixture[str]


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
