"""The README's commands and code are run as they stand, against a real `genq up`.

Only the port differs: 8080 may be taken on the machine that runs the tests.
"""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
_START: Final = "$ "
_SECONDS: Final = 60


def blocks(language: str, *, indented: bool = False) -> list[str]:
    """Return the fenced blocks of a language, in order; ``indented``: also those in lists."""
    room = " *" if indented else ""
    return re.findall(
        rf"^{room}```{language}\n(.*?)^{room}```", README, re.DOTALL | re.MULTILINE
    )


def commands() -> list[str]:
    """Return the commands of the console blocks, continued lines joined."""
    joined = "\n".join(blocks("console")).replace("\\\n", "")
    return [line.removeprefix(_START) for line in joined.splitlines() if line.strip()]


class Shell:
    """A terminal beside a running `genq up`."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self.url = ""

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a README line in the test's folder."""
        return subprocess.run(
            command.replace("http://127.0.0.1:8080", self.url),
            shell=True,
            check=False,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A `genq up` of its own: own home, own data, own port."""
    folder = tmp_path_factory.mktemp("readme")
    # Every child needs PATH and the like; nothing of the developer's genq may leak in.
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("GENQ_")},  # noqa: TID251 - a shell has an environment
        "HOME": str(folder / "home"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # noqa: TID251 - as above
    }
    (folder / "home").mkdir()
    with subprocess.Popen(
        ["genq", "up", "--json", "--port", "0"],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as running:
        assert running.stdout is not None
        beside = Shell(folder, environment)
        ready: dict[str, Any] = orjson.loads(running.stdout.readline())
        beside.url = ready["url"]
        yield beside
        running.terminate()
        assert running.wait(_SECONDS) == 0


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    wanted = {line.split()[1] for line in commands() if line.startswith("make ")}

    assert wanted
    assert wanted <= targets


def test_the_terminal_session_works_as_written(shell: Shell) -> None:
    lines = [
        line for line in commands() if not line.startswith(("make ", "source ", "genq up"))
    ]

    outcomes = {line: shell.run(line) for line in lines}

    failed = {line: done.stderr for line, done in outcomes.items() if done.returncode}
    assert len(lines) >= 4
    assert failed == {}
    assert (shell.folder / "kite.png").read_bytes().startswith(b"\x89PNG")
    curl = next(done for line, done in outcomes.items() if line.startswith("curl"))
    job = orjson.loads(curl.stdout)
    assert job["status"] == "succeeded"
    assert len(job["output"]["artifacts"]) == 2


def test_the_python_client_blocks_work_as_written(shell: Shell) -> None:
    openai, plain, awaited, endpoints, _receiver = blocks("python")
    key = shell.run("genq key").stdout.strip()
    told = Shell(
        shell.folder, {**shell.environment, "GENQ_URL": shell.url, "GENQ_API_KEY": key}
    )
    shows = "assert kite.startswith(b'\\x89PNG') and why\n"
    (shell.folder / "plain.py").write_text(plain + shows)
    (shell.folder / "awaited.py").write_text(awaited)
    painted = "assert picture.data and picture.data[0].b64_json and len(vectors.data) == 2\n"
    for name, written in (("endpoints", endpoints), ("openai_sdk", openai + painted)):
        text = written.replace("http://127.0.0.1:8080", shell.url).replace("gq_…", key)
        (shell.folder / f"{name}.py").write_text(text)

    names = ("plain", "awaited", "endpoints", "openai_sdk")
    ran = [told.run(f"{sys.executable} {name}.py") for name in names]

    assert [done.returncode for done in ran] == [0] * 4, [done.stderr for done in ran]
    assert ran[0].stdout.split()[-1] == "job.succeeded"
    assert ran[1].stdout.endswith(" 3\n")
    assert len(list(shell.folder.glob("lighthouse-*.png"))) == 4
    answer, status = ran[3].stdout.strip().rsplit("\n", 1)
    assert answer
    assert status in {"queued", "in_progress", "completed"}


def test_what_users_write_has_types_that_hold(tmp_path: Path) -> None:
    openai, plain, awaited, *_others = blocks("python")
    (tmp_path / "openai_sdk.py").write_text(openai)
    (tmp_path / "plain.py").write_text(plain)
    (tmp_path / "awaited.py").write_text(awaited)
    # `make check` has basedpyright look at the same file.
    shutil.copy(Path(__file__).with_name("sdk_user.py"), tmp_path)

    # From outside of the project, so that genq is an installed package and no source of theirs.
    done = subprocess.run(
        [sys.executable, "-P", "-m", "mypy", "--strict", "."],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_receiver_block_verifies_a_signed_event() -> None:
    from standardwebhooks import Webhook  # noqa: PLC0415 - the other side, used only here

    *_clients, receiver = blocks("python")
    from infra.clock import SystemClock  # noqa: PLC0415 - as above

    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"type": "job.succeeded", "data": {"id": "job_1"}}'
    at = SystemClock().now()
    signature = Webhook(secret).sign("evt_1", at, body.decode())
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }
    names: dict[str, Any] = {"body": body, "headers": headers, "secret": secret}

    exec(compile(receiver, "README.md", "exec"), names)

    assert names["event"]["data"]["id"] == "job_1"


def test_the_bot_of_the_readme_is_registered(shell: Shell) -> None:
    """Its lines run as written; the dots stand for values of a Discord that is played here."""
    play, start, setup = (
        block
        for block in map(textwrap.dedent, blocks("sh", indented=True))
        if "bot" in block.lower()
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "infra.simulator.chat", "--platform", "discord"],
        stdout=subprocess.PIPE,
    ) as played:
        assert played.stdout is not None
        told: dict[str, str] = orjson.loads(played.stdout.readline())["settings"]
        for name, value in told.items():
            start = start.replace(f"GENQ_{name.upper()}=…", f"GENQ_{name.upper()}={value}")
        # The `genq up` beside it was started without the bot.
        fresh = str(shell.folder / "fresh")
        elsewhere = {"GENQ_DISCORD_URL": told["discord_url"], "XDG_CONFIG_HOME": fresh}
        elsewhere["XDG_DATA_HOME"] = fresh
        bot = Shell(shell.folder, {**shell.environment, **elsewhere})
        done = bot.run(start.removesuffix("genq up\n") + setup)
        played.terminate()

    assert play == "genq bot play\n"
    assert start.endswith("genq up\n")
    assert done.returncode == 0, done.stderr
    assert f"client_id={told['discord_application_id']}" in done.stdout


def test_relative_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
