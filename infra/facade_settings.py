"""How long OpenAI's clients are kept waiting for their answers."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.queue_settings import Seconds


class FacadeSettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own.

    Attributes:
        facade_max_hold: A minute below the ten that OpenAI's clients read for: with their two
            repetitions a call waits for 27 minutes. Behind a proxy that gives up earlier (60 s
            is usual) less is better: the client then hears from genq, with the job's id, and
            not from the proxy.
        facade_dedupe: Without it nobody attaches: a repetition is a call of its own.
    """

    facade_max_hold: Seconds = Field(
        timedelta(minutes=9), description="OpenAI's calls wait; below what your proxies wait"
    )
    facade_dedupe: bool = Field(
        True, description="repetitions of an OpenAI client attach to the job of their call"
    )
