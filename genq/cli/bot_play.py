"""`genq bot play`: talk with a bot of one's own in the terminal; no account, no network."""

import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from genq.cli import environment
from genq.cli.bot_child import Child
from genq.cli.bot_pipe import PlainTalk
from genq.cli.bot_platform import PLATFORMS, PlayedPlatform, played
from genq.cli.bot_talk import Talk
from genq.cli.bot_words import KEYS
from genq.cli.examples import one_of
from genq.cli.processes import python_command, require_extras, up_arguments
from genq.cli.screen import Steps, complain, count_of, moving_console, tell
from genq.cli.stack import Stack, StackFailedError
from genq.client import Genq
from genq.errors import GenqError

_TENANT: Final = "local"
_WRITER: Final = "sim-chat-1"
_MODELS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("sim-image-1", "image", {}),
    (_WRITER, "chat", {}),
    ("sim-image-1", "image_edit", {}),
    ("sim-upscale-1", "image_edit", {"skills": {"upscales": "size"}}),
)
_SIGNALLED: Final = 128
_SLOTS: Final = 2

Platform = Annotated[
    str, typer.Option("--platform", metavar="NAME", help="discord, slack or telegram.")
]
OutputFolder = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Where the pictures go.")
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Keep genq's data there; else it goes."),
]
Pace = Annotated[
    float,
    typer.Option("--pace", metavar="SECONDS", min=0, max=600, help="Of a simulated picture."),
]
Slots = Annotated[int, typer.Option("--slots", min=1, max=200, help="Jobs at once.")]


def play(
    platform: Platform = "discord",
    output: OutputFolder = Path("bot-pictures"),
    pace: Pace = 4.0,
    slots: Slots = _SLOTS,
    data_dir: DataDir = None,
) -> None:
    """Talk with a bot in the terminal, without an account and offline.

    Starts genq and a played Discord, Slack or Telegram on this machine. Type /imagine and what
    to see; buttons are keys: 1 to 9, u2, v3, r, c. /quit or Ctrl-C stops all of it. In a pipe,
    each line is done before the next one is read, unless it ends with ` &`.
    """
    one_of(platform, PLATFORMS, "--platform")
    require_extras("infra.embedded")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    folder = Path(tempfile.mkdtemp(prefix="genq-play-"))
    failed = False
    try:
        good = _Play(folder, platform, output, slots).run(pace, data_dir)
    except GenqError:
        # The logs in it tell why.
        failed = True
        raise
    finally:
        if not failed:
            shutil.rmtree(folder, ignore_errors=True)
    if not good:
        raise typer.Exit(1)


class _Play:
    def __init__(self, folder: Path, platform: str, output: Path, slots: int) -> None:
        self._folder = folder
        self._platform = platform
        self._output = output
        self._slots = slots
        self._console = moving_console() if sys.stdin.isatty() else None

    def run(self, pace: float, data_dir: Path | None) -> bool:
        """Start everything, talk, stop everything; return whether nothing was wrong."""
        with self._started(pace, data_dir or self._folder / "data") as (platform, stack):
            platform.connect(stack.ready.url)
            self._greet()
            with Genq(stack.ready.api_key, stack.ready.url) as client:
                files = self._platform == "telegram"
                talk = Talk(platform, client, self._output, files=files)
                good = self._converse(talk)
            wrong = platform.violations()
            tell("stopping")
        for one in wrong:
            complain(f"{self._platform} would have refused what the bot sent: {one}")
        if talk.pictures:
            tell(f"{count_of(talk.pictures, 'picture')} in {self._output}")
        return good and not wrong

    @contextmanager
    def _started(self, pace: float, data: Path) -> Generator[tuple[PlayedPlatform, Stack]]:
        with ExitStack() as running:
            with Steps() as steps:
                # They start side by side.
                log = self._folder / "platform.log"
                arguments = played(self._platform)
                platform = running.enter_context(Child("infra.simulator.chat", arguments, log))
                arguments = ["--port", "0", "--latency", str(pace)]
                log = self._folder / "simulator.log"
                painter = running.enter_context(Child("infra.simulator", arguments, log))
                listening = platform.wait_until_ready()
                steps.doing(f"starting genq beside a played {self._platform}")
                settings = {
                    **listening["settings"],
                    "chat_tenant": _TENANT,
                    "describe_model": _WRITER,
                    "model_servers": _servers(painter.wait_until_ready()["url"]),
                }
                # What is under way ends first: platform and painter are still there then.
                stack = running.enter_context(self._stack(data, settings))
            try:
                yield PlayedPlatform(listening["url"]), stack
            except StackFailedError:
                raise
            except GenqError as error:
                raise stack.failure(error.message) from error

    def _stack(self, data: Path, settings: Mapping[str, str]) -> Stack:
        profile = self._folder / "profile.toml"
        told = [*up_arguments(data, profile, as_json=True), "--port", "0"]
        command = python_command("infra.embedded", [*told, "--slots", str(self._slots)])
        own = {f"GENQ_{name.upper()}": value for name, value in settings.items()}
        return Stack(self._folder, command, profile, environment.with_variables(own))

    def _greet(self) -> None:
        tell(f"This {self._platform} is played on this machine: no message leaves it.")
        tell("A simulator paints and writes: no model runs.")
        tell(f"Keys: {KEYS}.")

    def _converse(self, talk: Talk) -> bool:
        if self._console is not None and sys.stdout.isatty():
            from genq.cli.bot_terminal import TerminalTalk  # noqa: PLC0415 - has no Windows

            return TerminalTalk(talk, self._console, self._platform).converse()
        return PlainTalk(talk, self._platform).converse(_lines())


def _lines() -> Iterable[str]:
    # One by one: a pipe is read as the talk goes on.
    return iter(sys.stdin.readline, "")


def _servers(url: str) -> str:
    """Return the setting that names the simulator, and no model server of the shell's own."""
    models = [
        {"name": name, "kind": kind, "streams_progress": True, **skills}
        for name, kind, skills in _MODELS
    ]
    server = {"name": "simulator", "base_url": f"{url}/v1", "concurrency": 256}
    return json.dumps([{**server, "models": models}])


def _leave(number: int, frame: object) -> None:
    # Like Ctrl-C: without it the servers would go on without anybody to stop them.
    del frame
    raise typer.Exit(_SIGNALLED + number)
