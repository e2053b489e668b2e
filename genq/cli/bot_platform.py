"""A chat platform that is none: a process on this machine, and what one does on it.

`infra.simulator.chat` plays Discord, Slack or Telegram; it checks every request of the bot as
the platform would.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from genq.errors import GenqError

PLATFORMS: Final = ("discord", "slack", "telegram")
BOT: Final = "bot"
_ANSWER_SECONDS: Final = 30.0
_OK: Final = 200


class PlatformFailedError(GenqError):
    """The platform does not do what was asked of it."""


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message; ``id`` is ``None`` for one that opens ``url``."""

    label: str
    id: str | None
    disabled: bool
    url: str | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in a message."""

    id: str
    name: str
    media_type: str
    alt: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands now; ``private``: one person alone sees it."""

    id: str
    channel: str
    text: str
    private: bool
    pending: bool
    deleted: bool
    buttons: tuple[Button, ...] = ()
    pictures: tuple[Picture, ...] = ()

    @property
    def open(self) -> bool:
        """Its job has not ended: somebody could still cancel it."""
        waits = any(one.label == "Cancel" for one in self.buttons)
        return not self.deleted and (self.pending or (waits and not self.private))


def played(name: str) -> list[str]:
    """Return the arguments of the process that plays a platform.

    It tells the settings of all of them: no bot of the shell's own may speak to a real one.
    """
    others = [one for one in PLATFORMS if one != name]
    return [word for one in (name, *others) for word in ("--platform", one)]


class PlayedPlatform:
    """What one does there.

    Args:
        url: Where the process listens.
    """

    def __init__(self, url: str) -> None:
        import httpx2  # noqa: PLC0415 - only where something is played

        # A proxy of the shell's has no business between two processes of this machine.
        self._http: Final = httpx2.Client(
            base_url=url, timeout=_ANSWER_SECONDS, trust_env=False
        )

    def connect(self, api: str) -> None:
        """Send what people do to this API."""
        self._ask("PUT", "/play/api", json={"url": api})

    def say(self, text: str, pictures: tuple[str, ...] = ()) -> str | None:
        """Say something in the channel; return what only a passing note tells, if one does."""
        told: dict[str, Any] = {"text": text}
        if pictures:
            told["pictures"] = list(pictures)
        return self._ask("POST", "/play/say", json=told).get("notice")

    def press(self, message: Message, button: Button) -> str | None:
        """Press a button; return what only a passing note tells, if one does."""
        told = {"message": message.id, "channel": message.channel, "button": button.id}
        return self._ask("POST", "/play/press", json=told).get("notice")

    def upload(self, path: Path, media_type: str) -> str:
        """Upload a picture that goes with the next words; return its id."""
        found = self._ask(
            "POST",
            "/play/upload",
            content=path.read_bytes(),
            headers={"Content-Type": media_type},
            params={"name": path.name},
        )
        return str(found["id"])

    def changes(self, after: int, wait: float) -> tuple[int, list[Message]]:
        """Return messages of the bot that changed after the change of this number."""
        found = self._ask("GET", "/play/messages", params={"after": after, "wait": wait})
        said = [one for one in found["messages"] if one["author"] == BOT]
        return int(found["last"]), [_message(one) for one in said]

    def picture(self, picture_id: str) -> bytes:
        """Return a picture."""
        answer = self._http.get(f"/play/picture/{picture_id}")
        if answer.status_code != _OK:
            raise PlatformFailedError(f"the picture {picture_id} is not there")
        return answer.content

    def violations(self) -> list[str]:
        """Return what the bot did that the platform would refuse."""
        return [str(one) for one in self._ask("GET", "/play")["violations"]]

    def _ask(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        import httpx2  # noqa: PLC0415 - only where something is played

        try:
            answer = self._http.request(method, path, **body)
            found: dict[str, Any] = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise PlatformFailedError(f"the played platform does not answer: {error}") from None
        if answer.status_code != _OK:
            raise PlatformFailedError(str(found.get("error", answer.status_code)))
        return found


def _message(told: Mapping[str, Any]) -> Message:
    return Message(
        id=str(told["id"]),
        channel=str(told["channel"]),
        text=str(told["text"]),
        private=told["private_to"] is not None,
        pending=bool(told["pending"]),
        deleted=bool(told["deleted"]),
        buttons=tuple(
            Button(str(one["label"]), one["id"], bool(one["disabled"]), one["url"])
            for one in told["buttons"]
        ),
        pictures=tuple(
            Picture(one["id"], one["name"], one["media_type"], one["alt"])
            for one in told["pictures"]
        ),
    )
