"""Every command of the tree keeps the same manners; the test finds the commands by itself."""

import re
import shlex
import signal
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import typer

from genq.cli.app import command_line, run
from genq.cli.exit_codes import ExitCode
from tests.fixtures.api_stub import ApiStub, Home, Says, problem
from tests.fixtures.command import start_genq

Capture = pytest.CaptureFixture[str]
JOB: Final = "job_" + "0" * 26
# They print one value, a document of another form, what another program prints, or nothing.
WITHOUT_JSON: Final = {
    "api", "batch results", "bot play", "completion", "db check", "db current", "db upgrade",
    "deliver", "dispatch", "env", "export", "hash-lists rm", "key", "manifest", "openapi",
    "schedules delete", "simulator", "version", "work",
}  # fmt: skip
# Commands whose arguments another program reads: it brings the other flags itself.
PASSED_ON: Final = {
    "api", "db check", "db current", "db upgrade", "deliver", "dispatch", "simulator", "work",
}  # fmt: skip


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield every command that help shows, with the words that lead to it."""
    yield " ".join(path), command
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from walk(inner, (*path, name))


TREE: Final = dict(walk(command_line()))
LEAVES: Final = {path: found for path, found in TREE.items() if not hasattr(found, "commands")}


def flags(command: Any) -> set[str]:
    return {word for parameter in command.params for word in parameter.opts}


@pytest.mark.parametrize("path", sorted(TREE))
def test_every_help_begins_with_an_example_of_just_that(path: str, capsys: Capture) -> None:
    assert run([*path.split(), "--help"]) == 0

    printed = capsys.readouterr().out
    first, *lines = printed.splitlines()
    assert first in {"Example:", "Examples:"}
    examples = lines[: lines.index("")]
    assert examples
    assert all(f"genq {path}".strip() in example for example in examples)


def test_every_example_is_a_command_line_with_flags_that_there_are() -> None:
    for path, command in LEAVES.items():
        if path in PASSED_ON:
            continue
        for example in (
            command.get_help(typer.Context(command)).partition("\n\n")[0].split("\n")
        ):
            words = shlex.split(example.partition("genq ")[2].partition(")")[0])
            used = {w.partition("=")[0] for w in words if re.fullmatch(r"--?[a-z][\w-]*", w)}
            assert used <= flags(command) | {"-h"}, example


def test_what_prints_data_prints_it_as_json_too() -> None:
    assert {path for path, found in LEAVES.items() if "--json" not in flags(found)} == (
        WITHOUT_JSON
    )


def test_every_command_can_be_quiet_and_without_colours() -> None:
    for path, command in LEAVES.items():
        if path not in PASSED_ON:
            assert {"--quiet", "--no-color"} <= flags(command), path


def test_what_cannot_be_undone_asks_or_takes_a_yes() -> None:
    assert {path for path, found in LEAVES.items() if "--yes" in flags(found)} >= {
        "bench",
        "dead redrive",
        "jobs cancel",
        "jobs retry",
        "schedules delete",
    }


def test_the_names_of_before_still_work(stub_home: Home, capsys: Capture) -> None:
    for line in ("jobs list", "jobs ls", "jobs ls --quiet"):
        assert run(line.split()) == 0
    for line in ("schedules list --help", "deadletters ls --help", "tenants ls --help"):
        assert run(line.split()) == 0


def test_quiet_leaves_out_remarks_and_keeps_data_and_errors(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    assert run(["submit", "a kite", "-q"]) == 0
    printed = capsys.readouterr()
    assert (printed.out.strip(), printed.err) == (next(iter(api_stub.jobs)), "")

    assert run(["jobs", "get", JOB, "-q"]) == 3
    assert capsys.readouterr().err.startswith("genq: ")


def test_a_shell_is_told_what_to_complete(
    home: Home, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert run(["completion", shell]) == 0
        assert "_GENQ_COMPLETE" in capsys.readouterr().out
    assert run(["completion", "bahs"]) == 2
    assert "did you mean bash" in capsys.readouterr().err
    monkeypatch.setenv("_GENQ_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "genq jobs wa")
    monkeypatch.setenv("COMP_CWORD", "2")
    with pytest.raises(SystemExit):
        run([])
    assert capsys.readouterr().out.strip() == "watch"


Scene = Callable[[ApiStub], list[str]]


def ending(status: str) -> Scene:
    def scene(stub: ApiStub) -> list[str]:
        stub.ending = {"status": status, "error": {"code": "content_blocked", "message": "no"}}
        return ["submit", "x", "--wait"]

    return scene


def saying(says: Says) -> Scene:
    def scene(stub: ApiStub) -> list[str]:
        # As often as it is asked again.
        stub.script = [says] * 8
        return ["jobs", "get", JOB]

    return scene


def never(stub: ApiStub) -> list[str]:
    stub.never_ends = True
    return ["submit", "x", "--timeout", "0.05"]


SCENES: Final[dict[ExitCode, Scene]] = {
    ExitCode.OK: lambda _: ["version"],
    ExitCode.FAILED: ending("failed"),
    ExitCode.USAGE: lambda _: ["sumbit"],
    ExitCode.NOT_FOUND: saying(problem(404, "not_found", "no")),
    ExitCode.AUTH: saying(problem(403, "forbidden", "no")),
    ExitCode.UNREACHABLE: lambda _: ["openapi", "--url", "http://127.0.0.1:9"],
    ExitCode.RATE_LIMITED: saying(problem(402, "budget_exhausted", "no")),
    ExitCode.BLOCKED: ending("blocked"),
    ExitCode.CONFIG: lambda _: ["jobs", "ls", "--url", "notaurl"],
    ExitCode.CONFLICT: saying(problem(409, "name_taken", "no")),
    ExitCode.TIMED_OUT: never,
}


def test_every_documented_exit_code_is_reached(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    for code, scene in SCENES.items():
        api_stub.script, api_stub.never_ends = [], False
        assert run(scene(api_stub)) == code
    api_stub.script, api_stub.never_ends = [], True
    watching = start_genq("jobs", "watch", api_stub.add_job()["id"])
    assert watching.stdout is not None
    watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    _, told = watching.communicate(timeout=10)
    assert watching.returncode == ExitCode.INTERRUPTED
    assert "goes on without you" in told
    assert {*SCENES, ExitCode.INTERRUPTED} == set(ExitCode)


@pytest.mark.parametrize("url", ["notaurl", "localhost:8080", "ftp://x"])
def test_what_is_no_url_is_said_to_be_none_with_its_place(
    stub_home: Home, capsys: Capture, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    assert run(["jobs", "ls", "--url", url]) == ExitCode.CONFIG
    assert f"--url: '{url}' is not a URL" in capsys.readouterr().err
    monkeypatch.setenv("GENQ_URL", url)
    for command in (["jobs", "ls"], ["workers"], ["config", "check"], ["top", "--once"]):
        assert run(command) == ExitCode.CONFIG
        assert f"GENQ_URL: '{url}' is not a URL" in capsys.readouterr().err
