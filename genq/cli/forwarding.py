"""Follows the tenant's events and posts each to a URL of this machine, freshly signed."""

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import httpx2
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from genq.cli.instants import short
from genq.cli.screen import tell
from genq.client import Genq
from genq.errors import (
    ConfigurationError,
    RateLimitedError,
    ServerUnreachableError,
    UnavailableError,
    UnexpectedAnswerError,
)
from genq.event_models import Event

_TIMEOUT_SECONDS: Final = 30.0
_KEY_BYTES: Final = 32
# Between two attempts to hear from a server that is away.
_PAUSE_SECONDS: Final = 2.0


def new_secret() -> str:
    """Return a signing secret that nobody else knows."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What became of one event.

    Attributes:
        status: What the URL answered; ``None`` if it did not.
        reason: Why it did not.
        seconds: How long that took.
    """

    event: Event
    status: int | None
    reason: str
    seconds: float

    @property
    def taken(self) -> bool:
        """Whether the answer was a success, as for genq itself."""
        return self.status is not None and self.status // 100 == HTTPStatus.OK // 100

    def as_object(self) -> dict[str, object]:
        """Return what `--json` prints for it."""
        return {
            "event_id": self.event.id,
            "type": self.event.type,
            "job_id": self.event.job.id if self.event.job else None,
            "status": self.status,
            "error": self.reason or None,
            "ms": round(self.seconds * 1000),
        }

    def as_line(self) -> str:
        """Return it as one line."""
        at = short(self.event.at) if self.event.at else ""
        about = self.event.job.id if self.event.job else self.event.id
        told = f"no answer: {self.reason}" if self.status is None else str(self.status)
        millis = round(self.seconds * 1000)
        return f"{at}  {self.event.type.ljust(13)}  {about}  {told} in {millis} ms"


class Forwarder:
    """Posts events to one URL.

    Args:
        url: Such as ``http://localhost:3000/hook``.
        secret: ``whsec_…``, which signs them.

    Raises:
        ConfigurationError: The URL or the secret is none.
    """

    def __init__(self, url: str, secret: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError(
                f"--forward-to: {url!r} is not a URL; give such as http://localhost:3000/hook"
            )
        try:
            self._signer = Webhook(secret)
        except (ValueError, EmptyWebhookSecretError):
            raise ConfigurationError("--secret: expected whsec_ and base64") from None
        self._url = url
        # No proxy reaches this machine. A redirect is a failure, as it is for genq.
        self._http = httpx2.Client(timeout=_TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def post(self, event: Event) -> Forwarded:
        """Send one event and return what became of it."""
        body = json.dumps(dict(event.raw), ensure_ascii=False, separators=(",", ":"))
        at = datetime.now(UTC)  # noqa: TID251 - the command line imports no clock of ours
        headers = {
            "content-type": "application/json",
            "user-agent": "genq-webhook-listen",
            "webhook-id": event.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._signer.sign(event.id, at, body),
        }
        begun = time.monotonic()
        try:
            # The body is of no interest, and may be endless.
            with self._http.stream("POST", self._url, content=body, headers=headers) as answer:
                status, reason = answer.status_code, ""
        except httpx2.HTTPError as error:
            status, reason = None, str(error) or type(error).__name__
        return Forwarded(event, status, reason, time.monotonic() - begun)


def follow(
    client: Genq, types: Sequence[str] | None, pause: float = _PAUSE_SECONDS
) -> Iterator[Event]:
    """Yield the tenant's events from now on, through every absence of the server, without end.

    Args:
        client: Asks the server.
        types: Only these, else all.
        pause: Seconds until a server that is away is asked again.

    Raises:
        ApiError: The server refuses.
    """
    cursor = "now"
    while True:
        try:
            for event in client.events(after=cursor, types=types):
                cursor = event.cursor or cursor
                if not event.erased:
                    yield event
        except (ServerUnreachableError, UnavailableError, RateLimitedError) as error:
            tell(f"genq is away, listening again in {pause:g} s: {error.message}")
        except UnexpectedAnswerError:
            tell("the stream of events broke; listening again")
        threading.Event().wait(pause)
