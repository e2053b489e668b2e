"""What to do about errors of chats: a part of ``error_remedies``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CHAT_REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "chat_signature_invalid": (
            "Only the chat platform itself calls this route. If it does and is refused, the "
            "operator compares the bot's public key or secret with what the platform shows, "
            "and the machine's clock: genq doctor."
        ),
        "chat_request_unreadable": (
            "Nothing, if it is rare: the request was signed, but is none that the platform "
            "documents. If all are refused, update genq."
        ),
        "chat_platform_unreachable": (
            "Nothing: it is tried again. If it stays, the operator looks whether this machine "
            "reaches the chat platform's address."
        ),
        "chat_not_configured": (
            "The operator sets up the bot: genq bot setup discord, slack or telegram."
        ),
        "chat_setup_refused": (
            "Mend what the platform's own words name, most often a token or the public URL; "
            "then run genq bot setup again: it may be repeated."
        ),
        "chat_queue_full": (
            "Wait until one of your jobs has ended, or cancel one: /queue. The operator may "
            "raise GENQ_CHAT_USER_JOBS, or the limit of the binding."
        ),
        "chat_pressed": "Wait for the job that the button made, or look at its result.",
    }
)
