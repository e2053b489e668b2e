"""`genq bot play`: talk with a bot of one's own in the terminal; no account, no network."""

import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from genq.cli import environment
from genq.cli.bot_pipe import PlainTalk
from genq.cli.bot_platform import PLATFORMS, PlayedPlatform
from genq.cli.bot_talk import Talk
from genq.cli.bot_words import KEYS
from genq.cli.examples import one_of
from genq.cli.processes import python_command, require_extras, up_arguments
from genq.cli.screen import Steps, complain, count_of, moving_console, tell
from genq.cli.stack import Stack, StackFailedError
from genq.client import Genq
from genq.errors import GenqError

_TENANT: Final = "local"
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
        data = data_dir or self._folder / "data"
        with self._started(data) as (played, stack):
            painter = _painter(Path(stack.ready.data_dir or data), pace)
            played.connect(stack.ready.url)
            self._greet(painter)
            with Genq(stack.ready.api_key, stack.ready.url) as client:
                talk = Talk(played, client, self._output)
                good = self._converse(talk)
            wrong = played.violations()
            tell("stopping")
        for one in wrong:
            complain(f"{self._platform} would have refused what the bot sent: {one}")
        if talk.pictures:
            tell(f"{count_of(talk.pictures, 'picture')} in {self._output}")
        return good and not wrong

    @contextmanager
    def _started(self, data: Path) -> Generator[tuple[PlayedPlatform, Stack]]:
        profile = self._folder / "profile.toml"
        told = [*up_arguments(data, profile, as_json=True), "--port", "0"]
        command = python_command("infra.embedded", [*told, "--slots", str(self._slots)])
        with Steps() as steps:
            platform = PlayedPlatform(self._folder, self._platform).__enter__()
            try:
                steps.doing(f"starting genq beside a played {self._platform}")
                settings = {**platform.settings, "chat_tenant": _TENANT}
                own = {f"GENQ_{name.upper()}": value for name, value in settings.items()}
                variables = environment.with_variables(own)
                stack = Stack(self._folder, command, profile, variables).__enter__()
            except BaseException:
                platform.stop()
                raise
        try:
            yield platform, stack
        except StackFailedError:
            raise
        except GenqError as error:
            raise stack.failure(error.message) from error
        finally:
            # What is under way ends first: the bot still speaks then.
            stack.stop()
            platform.stop()

    def _greet(self, painter: str) -> None:
        tell(f"This {self._platform} is played on this machine: no message leaves it.")
        tell(painter)
        tell(f"Keys: {KEYS}.")

    def _converse(self, talk: Talk) -> bool:
        if self._console is not None and sys.stdout.isatty():
            from genq.cli.bot_terminal import TerminalTalk  # noqa: PLC0415 - has no Windows

            return TerminalTalk(talk, self._console, self._platform).converse()
        return PlainTalk(talk, self._platform).converse(_lines())


def _lines() -> Iterable[str]:
    # One by one: a pipe is read as the talk goes on.
    return iter(sys.stdin.readline, "")


def _painter(data: Path, pace: float) -> str:
    """Say who paints; if it is the simulator, let it take its time."""
    import httpx2  # noqa: PLC0415 - only where something is played

    try:
        state: dict[str, Any] = json.loads((data / "state.json").read_text(encoding="utf-8"))
        servers = json.loads(state["environment"]["GENQ_MODEL_SERVERS"])
        [server] = (one for one in servers if one["name"] == "simulator")
        address = str(server["base_url"]).removesuffix("/v1")
        with httpx2.Client(trust_env=False) as client:
            client.put(f"{address}/control", json={"latency": pace}).raise_for_status()
    except (OSError, ValueError, KeyError, httpx2.HTTPError):
        return "Model servers of your own settings paint."
    return "A simulator paints and writes: no model runs."


def _leave(number: int, frame: object) -> None:
    # Like Ctrl-C: without it the servers would go on without anybody to stop them.
    del frame
    raise typer.Exit(_SIGNALLED + number)
