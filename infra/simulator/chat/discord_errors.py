"""Discord's errors, with its numbers."""

from collections.abc import Sequence
from typing import Any, Final

from infra.simulator.chat.wire import RefusedError, said

UNKNOWN_CHANNEL: Final = (404, 10003, "Unknown Channel")
UNKNOWN_MESSAGE: Final = (404, 10008, "Unknown Message")
UNKNOWN_USER: Final = (404, 10013, "Unknown User")
UNKNOWN_WEBHOOK: Final = (404, 10015, "Unknown Webhook")
UNKNOWN_INTERACTION: Final = (404, 10062, "Unknown interaction")
UNKNOWN_COMMAND: Final = (404, 10063, "Unknown application command")
UNAUTHORIZED: Final = (401, 0, "401: Unauthorized")
NOT_FOUND: Final = (404, 0, "404: Not Found")
TOO_LARGE: Final = (413, 40005, "Request entity too large")
ACKNOWLEDGED: Final = (400, 40060, "Interaction has already been acknowledged.")
MISSING_ACCESS: Final = (403, 50001, "Missing Access")
NOT_AUTHOR: Final = (403, 50005, "Cannot edit a message authored by another user")
EMPTY_MESSAGE: Final = (400, 50006, "Cannot send an empty message")
CANNOT_SEND: Final = (403, 50007, "Cannot send messages to this user")
MISSING_PERMISSIONS: Final = (403, 50013, "Missing Permissions")
INVALID_TOKEN: Final = (401, 50027, "Invalid Webhook Token")
INVALID_FORM: Final = (400, 50035, "Invalid Form Body")
BAD_JSON: Final = (400, 50109, "The request body contains invalid JSON.")

Where = Sequence[str | int]


def refused(
    error: tuple[int, int, str], why: str = "", *, expected: bool = False, errors: Any = None
) -> RefusedError:
    """Return an error in Discord's form."""
    status, code, message = error
    body: dict[str, Any] = {"message": message, "code": code}
    if errors is not None:
        body["errors"] = errors
    return RefusedError(said(body, status), why or message, expected=expected)


def invalid_form(*faults: tuple[Where, str, str]) -> RefusedError:
    """Return error 50035 about places in a body: where, Discord's code, words."""
    errors: dict[str, Any] = {}
    for where, code, message in faults:
        node = errors
        for step in where:
            node = node.setdefault(str(step), {})
        node.setdefault("_errors", []).append({"code": code, "message": message})
    told = "; ".join(f"{'.'.join(map(str, w)) or 'body'}: {m}" for w, _, m in faults)
    return refused(INVALID_FORM, told, errors=errors)
