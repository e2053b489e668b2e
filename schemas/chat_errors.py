"""What can go wrong with chats: a branch of the error tree."""

from uuid import UUID

from schemas.chat import Verb
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


class ChatSetupRefusedError(GenqError):
    """A chat platform refuses what the setup of its bot sends."""

    code = "chat_setup_refused"
    category = Category.INPUT
    severity = Severity.LOW
    retryable = False


class ChatQueueFullError(GenqError):
    """A person has as many unfinished jobs as one person in a chat may have."""

    code = "chat_queue_full"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = True

    def __init__(self, *, running: int, waiting: int, most: int) -> None:
        """Keep the numbers, for those who show them.

        Args:
            running: Jobs of theirs that run.
            waiting: Jobs of theirs that wait.
            most: How many of both there may be.
        """
        super().__init__(
            f"{running} of your jobs run and {waiting} wait; {most} may be unfinished at once"
        )
        self.running, self.waiting, self.most = running, waiting, most


class ChatPressedError(GenqError):
    """A button was pressed before, and what that made is under way, or done."""

    code = "chat_pressed"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = False

    def __init__(self, *, next_job_id: UUID, verb: Verb, index: int, finished: bool) -> None:
        """Keep what it made, for those who lead there.

        Args:
            next_job_id: The job.
            verb: What the button does.
            index: To which picture.
            finished: That job has succeeded; else it waits or runs.
        """
        said = "done already" if finished else "on its way already"
        super().__init__(f"what this button makes is {said}")
        self.next_job_id, self.verb, self.index = next_job_id, verb, index
        self.finished = finished
