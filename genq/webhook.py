"""Check that a webhook is genq's own and fresh (Standard Webhooks 1.0), for receivers."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from genq.cli.profile import webhook_secret
from genq.errors import ConfigurationError, GenqError
from genq.event_models import Event, read_event

if TYPE_CHECKING:
    from standardwebhooks import Webhook


class WebhookInvalidError(GenqError):
    """The webhook must not be trusted: answer 400 and do nothing."""


class Webhooks:
    """``client.webhooks``: what a receiver of webhooks needs; nothing is sent."""

    def __init__(self, secret: str | None = None) -> None:
        self._secret = secret

    def verify(
        self, body: bytes | str, headers: Mapping[str, str], secret: str | None = None
    ) -> Event:
        """Return the event of a webhook that genq signed less than five minutes ago.

        Args:
            body: The request body exactly as received, before any parsing.
            headers: The request's headers, names in any case.
            secret: ``whsec_…``, or several; else the client's ``webhook_secret``, else
                ``GENQ_WEBHOOK_SECRET``, else that of the profile that ``genq up`` wrote.

        Raises:
            WebhookInvalidError: Not signed by this secret, changed on the way, or too old.
            ConfigurationError: No secret is known.
        """
        known = secret or self._secret or webhook_secret()
        if not known:
            raise ConfigurationError(
                "no signing secret is known: pass webhook_secret, or set GENQ_WEBHOOK_SECRET"
            )
        return read_event(verify_webhook(body, headers, known))


def verify_webhook(
    body: bytes | str, headers: Mapping[str, str], secret: str
) -> Mapping[str, object]:
    """Return the event of a webhook that genq signed less than five minutes ago.

    Args:
        body: The request body exactly as received, before any parsing.
        headers: The request's headers, names in any case.
        secret: ``whsec_…``; several, separated by spaces, while a secret is being rotated.

    Returns:
        The event: ``id``, ``type`` (such as ``job.succeeded``), ``timestamp``, ``data`` (the
        job). The same ``id`` may come more than once: act on it once.

    Raises:
        WebhookInvalidError: Not signed by this secret, changed on the way, or too old.
    """
    # Loaded by who verifies: the standard's library brings much along.
    from standardwebhooks import WebhookVerificationError  # noqa: PLC0415 - as said

    reason = "no signing secret was given"
    for one in secret.split():
        try:
            _open(one).verify(body, dict(headers), json_parse=False)
        except WebhookVerificationError as error:
            reason = str(error)
        except ValueError:
            # The library lets malformed base64, a missing comma and bad UTF-8 through as these.
            reason = "Malformed signature headers"
        else:
            return _event(body)
    raise WebhookInvalidError(f"webhook not verified: {reason}")


def _open(secret: str) -> "Webhook":
    from standardwebhooks import Webhook  # noqa: PLC0415 - as above
    from standardwebhooks.webhooks import EmptyWebhookSecretError  # noqa: PLC0415 - as above

    try:
        return Webhook(secret)
    except (ValueError, EmptyWebhookSecretError):
        raise WebhookInvalidError(
            "the signing secret is not valid: expected whsec_ and base64"
        ) from None


def _event(body: bytes | str) -> Mapping[str, object]:
    try:
        found: object = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise WebhookInvalidError("webhook verified, but its body is not a JSON object")
    return cast("Mapping[str, object]", found)
