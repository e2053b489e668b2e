"""What a person sees of `genq up`."""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from infra.clock import Clock
from infra.embedded.child_settings import LOOPBACK, ChildSettings
from infra.embedded.log_files import LogReader
from schemas.lanes import Lane

_SHOWN_LEVELS: Final = frozenset({"warning", "error", "critical"})
_LEVEL_MARKS: Final = tuple(f"[{level}" for level in _SHOWN_LEVELS)
_HEADER_FIELDS: Final = frozenset({"event", "level", "logger", "process", "timestamp"})
# The same warning is not repeated on the screen for this long; the log has every one.
_SAID_SECONDS: Final = 30.0
_PROMPT: Final = "a red kite over the sea"


class Screen:
    """Writes for a person, or for a program that reads one line of JSON.

    Args:
        as_json: Standard output gets one line only; everything else goes to standard error.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def note(self, text: str) -> None:
        """Say something in passing."""
        self._write(sys.stderr, text)

    def announce(
        self,
        told: ChildSettings,
        *,
        url: str,
        api_key: str,
        data_dir: Path,
        pids: Mapping[str, int],
    ) -> None:
        """Say that all is ready, and how to use it."""
        facts = {"url": url, "api_key": api_key, "data_dir": str(data_dir), "pids": dict(pids)}
        if self._as_json:
            self._write(sys.stdout, json.dumps(facts))
        else:
            lines = summary(told, url=url, api_key=api_key, data_dir=data_dir)
            self._write(sys.stdout, "\n".join(lines))

    def _write(self, stream: Any, text: str) -> None:
        try:
            stream.write(text + "\n")
            stream.flush()
        except (OSError, ValueError):
            # Nobody looks any more; the children go on.
            return


class Warnings:
    """Finds in the children's logs what a person should see, and does not say it over and over.

    Args:
        logs: Where each process writes.
        clock: Measures how long ago something was said.
    """

    def __init__(self, logs: Mapping[str, Path], clock: Clock) -> None:
        self._readers = {name: LogReader(path) for name, path in logs.items()}
        self._clock = clock
        self._said: dict[str, float] = {}

    def new(self) -> list[str]:
        """Return the warnings and errors that were written since the last call, by time."""
        found: list[LogLine] = []
        for name, reader in self._readers.items():
            written = ""
            for line in reader.new_lines():
                shown = worth_showing(name, line)
                if shown is not None:
                    # A line without a time belongs to the one above it.
                    written = shown.written or written
                    found.append(replace(shown, written=written))
        found.sort(key=lambda shown: shown.written)
        return [shown.text() for shown in found if self._is_news(shown.said)]

    def _is_news(self, said: str) -> bool:
        now = self._clock.monotonic()
        self._said = {k: at for k, at in self._said.items() if now - at < _SAID_SECONDS}
        if said in self._said:
            return False
        self._said[said] = now
        return True


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line for a person: what it says, and when it was written (ISO 8601), if known."""

    said: str
    written: str = ""

    def text(self) -> str:
        """Return the line with the local time before it."""
        try:
            moment = datetime.fromisoformat(self.written).astimezone()
        except ValueError:
            return f"         {self.said}"
        return f"{moment:%H:%M:%S} {self.said}"


def worth_showing(name: str, line: str) -> LogLine | None:
    """Return a log line as a person reads it, or ``None`` if it says nothing unusual."""
    try:
        found: Any = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        # Off its usual form: a crash, or the console format that the user asked for.
        usual = line[:1].isdigit() and not any(mark in line for mark in _LEVEL_MARKS)
        return None if usual or not line.strip() else LogLine(f"{name:<9} {line}")
    fields = cast("dict[str, Any]", found)
    if fields.get("level") not in _SHOWN_LEVELS:
        return None
    what = str(fields.get("event", "")).strip().partition("\n")[0]
    details = " ".join(f"{k}={v}" for k, v in fields.items() if k not in _HEADER_FIELDS)
    said = f"{name:<9} {fields['level']:<8} {what}  {details}".rstrip()
    return LogLine(said, str(fields.get("timestamp", "")))


def summary(told: ChildSettings, *, url: str, api_key: str, data_dir: Path) -> Sequence[str]:
    """Return the lines that greet a person when all is ready."""
    settings = told.settings
    lanes = ", ".join(f"{lane} {settings.lane_weights[lane]}" for lane in Lane)
    # A model that does several kinds of work is named once.
    named = dict.fromkeys(m.name for s in settings.model_servers for m in s.models)
    models = ", ".join(named)
    allowed = ", ".join(str(network) for network in settings.outbound_allow) or "none"
    body = json.dumps({"kind": "image", "input": {"prompt": _PROMPT}})
    lines = [
        "",
        "genq is ready.",
        "",
        f"  URL       {url}",
        f"  API key   {api_key}",
        f"  data      {data_dir} (logs in logs/)",
        f"  lanes     {lanes}: shares of {settings.slots} slots",
        f"  models    {models}",
    ]
    if told.simulated:
        lines.append("            of the development SIMULATOR: it draws, no model runs")
    lines.append(f"  webhooks  may reach these private networks: {allowed}")
    if told.simulated and str(LOOPBACK) in allowed:
        lines.append("            (for development on this machine)")
    return [
        *lines,
        "",
        "In another terminal:",
        "",
        f"  genq submit {shlex.quote(_PROMPT)} -o kite.png",
        "",
        f"  curl {url}/v1/jobs -H 'Authorization: Bearer {api_key}' \\",
        "    -H 'Content-Type: application/json' \\",
        f"    -d {shlex.quote(body)}",
        "",
        "Ctrl-C stops everything; the data stays.",
        "",
    ]
