"""The words of webhooks: why something is sent, how it ended, what an endpoint chooses."""

from datetime import timedelta
from enum import IntEnum, IntFlag, StrEnum
from typing import Final


class Trigger(IntEnum):
    """Why an attempt is made, as PostgreSQL stores it."""

    SCHEDULED = 0
    MANUAL = 1
    PROBE = 2
    RECOVER = 3
    TEST = 4

    @property
    def word(self) -> str:
        """Return the value of the ``genq-trigger`` header."""
        return self.name.lower()


class Ended(IntEnum):
    """What an attempt made of its delivery, as PostgreSQL stores it."""

    DELIVERED = 1
    EXHAUSTED = 2
    """The schedule, or the time, is used up; or the receiver wants no more."""
    DISCARDED = 3
    """Its endpoint was disabled for too long, or its content was erased."""
    SUPERSEDED = 4
    """A newer event of the job made it pointless."""

    @property
    def word(self) -> str:
        """Return how the API writes it."""
        return self.name.lower()


class Ordering(IntEnum):
    """In which order an endpoint's events are sent."""

    NONE = 0
    JOB = 1
    """The events of one job in their order; jobs pass each other."""
    FIFO = 2
    """One at a time, and nothing passes."""


class Payload(IntEnum):
    """How much an event tells."""

    THIN = 0
    """Ids, status, timings, links."""
    FULL = 1
    """Outputs too, as long as the event stays within 20 kB."""


class Signatures(IntFlag):
    """Which signatures an endpoint is sent."""

    V1 = 1
    V1A = 2


class SecretKind(IntEnum):
    """What a stored secret is for."""

    HMAC = 1
    ED25519 = 2


class AuthKind(StrEnum):
    """How requests to an endpoint prove who sends them, beside the signature."""

    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"
    OAUTH2 = "oauth2"
    MTLS = "mtls"


class Breaker(IntEnum):
    """Whether a lane is tried."""

    CLOSED = 0
    OPEN = 1
    SLOW_START = 2


class DisabledReason(StrEnum):
    """Why an endpoint was disabled, where nobody did so by hand."""

    FAILING = "failing"
    """No success for five days."""
    GONE = "gone"
    """It answered 410."""
    ASKED = "asked"
    """It answered with the header ``webhook-delivery: disable``."""


class Hears(IntFlag):
    """Which events before a job's end somebody wants: rarely any."""

    QUEUED = 1
    STARTED = 2
    PROGRESS = 4
    CHAT = 8
    """A message in a chat shows it, as far as it is: the job's own events are for that."""


HEARS_NOTHING: Final = Hears(0)

MAX_CHANNELS_OF_ENDPOINT: Final = 10
MAX_CHANNELS_OF_JOB: Final = 5
CHANNEL_PATTERN: Final = r"[A-Za-z0-9_.-]{1,128}"
DEFAULT_IN_FLIGHT: Final = 4
MOST_IN_FLIGHT: Final = 64
DEFAULT_TIMEOUT_SECONDS: Final = 15.0
LONGEST_TIMEOUT_SECONDS: Final = 30.0
# A delivery ends with the first attempt after this: the whole schedule, and no longer.
DELIVERY_LIFETIME: Final = timedelta(hours=76)
