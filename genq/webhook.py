"""Check that a webhook is genq's own and fresh (Standard Webhooks 1.0), for receivers."""

import json
from collections.abc import Mapping
from typing import cast

from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from genq.errors import GenqError


class WebhookInvalidError(GenqError):
    """The webhook must not be trusted: answer 400 and do nothing."""


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


def _open(secret: str) -> Webhook:
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
