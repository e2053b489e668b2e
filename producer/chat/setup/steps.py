"""The steps of a setup: calls that are made, or only told, and what is said of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from infra.chat.adapter import ChatCall, ChatHttp
from producer.operator.screen import Screen
from schemas.errors import SettingsError

REACHED: Final = "whether the platform reaches it cannot be seen from here"
_WIDTH: Final = 10


@dataclass(frozen=True, slots=True)
class Told:
    """What a platform answered."""

    status: int
    body: Mapping[str, Any]

    def words(self) -> str:
        """Return what the platform itself says, without control characters."""
        said = self.body.get("description") or self.body.get("message")
        said = said or self.body.get("error") or f"HTTP {self.status}"
        text = "".join(one for one in str(said)[:300] if one.isprintable())
        errors = self.body.get("errors")
        return f"{text}: {orjson.dumps(errors).decode()[:300]}" if errors else text


class Steps:
    """Makes the calls of a setup and says what came of them.

    Args:
        http: The way out.
        screen: Findings are data, and hints are remarks.
        dry: Only tell what would be sent.
    """

    def __init__(self, http: ChatHttp, screen: Screen, *, dry: bool) -> None:
        self._http: Final = http
        self._screen: Final = screen
        self.dry: Final = dry

    async def ask(self, call: ChatCall) -> Told:
        """Make a call.

        Raises:
            ChatUnreachableError: There is no whole answer.
        """
        answer = await self._http.send(call)
        try:
            body: object = orjson.loads(answer.body)
        except ValueError:
            body = {}
        return Told(answer.status, body if isinstance(body, dict) else {"value": body})  # pyright: ignore[reportUnknownArgumentType] - its values are looked at one by one

    def done(self, step: str, said: str, **facts: Any) -> None:
        """Say that a step is done."""
        self._say("done", step, said, facts)

    def would(self, step: str, said: str, sent: object) -> None:
        """Say what would be sent; it must hold no secret."""
        self._say("would send", step, said, {"sent": sent})
        if not self._screen.as_json:
            shown = orjson.dumps(sent, option=orjson.OPT_INDENT_2).decode()
            for line in shown.splitlines():
                self._screen.say(f"    {line}", {})

    def warn(self, step: str, said: str) -> None:
        """Say that something may be wrong."""
        self._say("look", step, said, {})

    def show(self, name: str, value: str) -> None:
        """Print something to be copied, alone in its lines."""
        self._screen.say(value, {"state": "shown", "step": name, "value": value})

    def next(self, said: str) -> None:
        """Say what is to be done now."""
        self._screen.remark(said)

    def _say(self, state: str, step: str, said: str, facts: Mapping[str, Any]) -> None:
        line = f"{state}  {step:<{_WIDTH}} {said}"
        self._screen.say(line, {"state": state, "step": step, "detail": said, **facts})


def wrong(setting: str, said: str) -> SettingsError:
    """Return an error about a setting, by its variable."""
    return SettingsError(f"GENQ_{setting.upper()}: {said}")
