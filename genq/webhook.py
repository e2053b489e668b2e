"""Check that a webhook is genq's own and fresh (Standard Webhooks 1.0), for receivers."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from genq.cli.profile import webhook_secret
from genq.errors import ConfigurationError, GenqError
from genq.event_models import Event, read_event

if TYPE_CHECKING:
    from standardwebhooks import Webhook


class WebhookInvalidError(GenqError):
    """The webhook must not be trusted: answer 400 and do nothing."""


def verified_event(
    body: bytes | str, headers: Mapping[str, str], secret: str | Sequence[str] | None
) -> Event:
    """Return the event of a webhook; without a secret, by the one that this machine knows.

    Raises:
        WebhookInvalidError: As of ``verify_webhook``.
        ConfigurationError: No secret is known.
    """
    known = secret or webhook_secret()
    if not known:
        raise ConfigurationError(
            "no signing secret is known: pass webhook_secret, or set GENQ_WEBHOOK_SECRET"
        )
    return read_event(verify_webhook(body, headers, known))


def secrets_in(secret: str | Sequence[str]) -> list[str]:
    """Return the secrets of a text with spaces or commas between them, or of a list."""
    texts = [secret] if isinstance(secret, str) else secret
    return [one for text in texts for one in text.replace(",", " ").split()]


def verify_webhook(
    body: bytes | str, headers: Mapping[str, str], secret: str | Sequence[str]
) -> Mapping[str, object]:
    """Return the event of a webhook that genq signed less than five minutes ago.

    Args:
        body: The request body exactly as received, before any parsing.
        headers: The request's headers, names in any case.
        secret: ``whsec_…``; several, in a list or with spaces between, while one is rotated.
            Only v1 signatures are checked: an endpoint that is to sign with v1a (Ed25519)
            alone needs a library that knows it.

    Returns:
        The event: ``id``, ``type`` (such as ``job.succeeded``), ``timestamp``, ``data`` (the
        job). The same ``id`` may come more than once: act on it once.

    Raises:
        WebhookInvalidError: Not signed by this secret, changed on the way, or too old.
    """
    # Loaded by who verifies: the standard's library brings much along.
    from standardwebhooks import WebhookVerificationError  # noqa: PLC0415 - as said

    reason = "no signing secret was given"
    for one in secrets_in(secret):
        try:
            _open(one).verify(body, dict(headers), json_parse=False)
        except WebhookVerificationError as error:
            reason = str(error)
        except ValueError:
            # The library lets malformed base64, a missing comma and bad UTF-8 through as these.
            reason = "Malformed signature headers"
        else:
            return _event(body)
    if _only_v1a(headers):
        reason = "all its signatures are v1a, which is not checked here; let it sign v1, too"
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


def _only_v1a(headers: Mapping[str, str]) -> bool:
    given = next((v for n, v in headers.items() if n.lower() == "webhook-signature"), "")
    return bool(given) and all(token.startswith("v1a,") for token in given.split())


def _event(body: bytes | str) -> Mapping[str, object]:
    try:
        found: object = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise WebhookInvalidError("webhook verified, but its body is not a JSON object")
    return cast("Mapping[str, object]", found)
