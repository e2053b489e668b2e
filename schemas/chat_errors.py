"""What can go wrong with chats: a branch of the error tree."""

from schemas.errors import Category, GenqError, InputError, Severity, UnauthenticatedError


class ChatUnauthorizedError(UnauthenticatedError):
    """A request to a chat door was not signed by the platform, or its time is past."""

    code = "chat_signature_invalid"


class ChatUnreadableError(InputError):
    """A signed request to a chat door is not what the platform documents."""

    code = "chat_request_unreadable"


class ChatUnreachableError(GenqError):
    """A chat platform gave no whole answer."""

    code = "chat_platform_unreachable"
    category = Category.INFRASTRUCTURE
    severity = Severity.MEDIUM
    retryable = True


class ChatNotConfiguredError(GenqError):
    """No bot of this platform is configured on this server."""

    code = "chat_not_configured"
    category = Category.INPUT
    severity = Severity.LOW
    retryable = False
