"""The async SDK: ``await AsyncGenq().jobs.create(...)``, the same surface as ``Genq``."""

import copy
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from genq import exchanges
from genq.appeals import AsyncAppeals
from genq.async_jobs import AsyncJobs
from genq.async_transport import AsyncTransport
from genq.batches import AsyncBatches
from genq.cache import AsyncCache
from genq.chats import AsyncChats
from genq.cli.profile import connection
from genq.dead_letters import AsyncDeadLetters
from genq.estimates import Estimate, estimate_job
from genq.event_models import Event, read_feed_event
from genq.generating import ImageOptions, TextOptions, generate_image, generate_text
from genq.hash_lists import AsyncHashLists
from genq.job_requests import JobOptions, RequestOptions
from genq.key_models import Tenant
from genq.keys import AsyncKeys, show_tenant
from genq.listening import Listener
from genq.policies import AsyncPolicies
from genq.privacy import AsyncPrivacy
from genq.retries import DEFAULT_RETRIES
from genq.reviews import AsyncReviews
from genq.schedules import AsyncSchedules
from genq.sse import SentEvent
from genq.stored_files import AsyncFiles
from genq.target import DEFAULT_TIMEOUT, target_at
from genq.usage import Day, Usage, read_usage, read_usage_table
from genq.verification import Verification, verifying
from genq.webhooks import AsyncWebhooks


class AsyncGenq:
    """A client of one genq server; use it as an async context manager, or call ``close``.

    >>> async with AsyncGenq() as client:
    ...     picture = await client.generate("a red kite over the sea")
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        *,
        max_retries: int = DEFAULT_RETRIES,
        extra_headers: Mapping[str, str] | None = None,
        webhook_secret: str | None = None,
    ) -> None:
        """Find the server; nothing is sent yet. Arguments are those of ``Genq``.

        Raises:
            ConfigurationError: No server or no key is known.
        """
        found = connection(base_url, api_key)
        target = target_at(
            found.url, found.api_key, timeout=timeout, max_retries=max_retries
        ).changed({"extra_headers": extra_headers or {}})
        self.base_url = target.url
        self._webhook_secret = webhook_secret
        self._use(AsyncTransport(target))

    def _use(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self.appeals = AsyncAppeals(transport)
        self.batches = AsyncBatches(transport)
        self.cache = AsyncCache(transport)
        self.chats = AsyncChats(transport)
        self.jobs = AsyncJobs(transport)
        self.dead_letters = AsyncDeadLetters(transport)
        self.files = AsyncFiles(transport)
        self.hash_lists = AsyncHashLists(transport)
        self.keys = AsyncKeys(transport)
        self.policies = AsyncPolicies(transport)
        self.privacy = AsyncPrivacy(transport)
        self.reviews = AsyncReviews(transport)
        self.schedules = AsyncSchedules(transport)
        self.webhooks = AsyncWebhooks(transport, self._webhook_secret)

    def with_options(self, **request: Unpack[RequestOptions]) -> Self:
        """Return a client that shares the connections and sends its requests in another way."""
        other = copy.copy(self)
        other._use(self._transport.changed(request))  # noqa: SLF001 - a copy of itself
        return other

    async def generate(self, prompt: str, **options: Unpack[ImageOptions]) -> bytes:
        """Return the picture that a prompt gives: submit, wait, fetch."""
        return await self._transport.run(generate_image(prompt, options))

    async def generate_text(self, prompt: str, **options: Unpack[TextOptions]) -> str:
        """Return the words that a prompt gives: submit, wait, fetch."""
        return await self._transport.run(generate_text(prompt, options))

    async def estimate(
        self,
        *,
        kind: str,
        input: Mapping[str, object],  # noqa: A002 - the field's name in the API
        **options: Unpack[JobOptions],
    ) -> Estimate:
        """Return what would become of a job: its price, its place, the verdict."""
        asked = estimate_job({"kind": kind, "input": input, **options})
        return await self._transport.run(asked)

    async def usage(
        self,
        since: Day | None = None,
        until: Day | None = None,
        *,
        interval: str = "day",
        by: Sequence[str] = (),
        tenant: str | None = None,
        everybody: bool = False,
    ) -> Usage:
        """Return what was used and charged.

        See ``Genq.usage``.
        """
        asked = read_usage(
            since, until, interval=interval, by=by, tenant=tenant, operator=everybody
        )
        return await self._transport.run(asked)

    async def usage_table(
        self,
        since: Day | None = None,
        until: Day | None = None,
        *,
        interval: str = "day",
        by: Sequence[str] = (),
        tenant: str | None = None,
        everybody: bool = False,
    ) -> bytes:
        """Return the same as CSV, safe to open in a spreadsheet."""
        asked = read_usage_table(
            since, until, interval=interval, by=by, tenant=tenant, operator=everybody
        )
        return await self._transport.run(asked)

    async def verify(
        self,
        file: bytes | str | Path | None = None,
        *,
        sha256: str | None = None,
        text: str | None = None,
    ) -> Verification:
        """Return where a picture or a text comes from, as far as that is known."""
        return await self._transport.run(verifying(file, sha256=sha256, text=text))

    async def tenant(self) -> Tenant:
        """Return who the key in use belongs to, its limits, and what the key may do."""
        return await self._transport.run(show_tenant())

    def events(
        self, *, after: str | None = None, types: Sequence[str] | None = None
    ) -> AsyncIterator[Event]:
        """Yield the ends of all jobs of the key's owner, as they happen, without end."""
        listener = Listener(exchanges.feed_source(after, types))
        return _read(self._transport.listen(listener))

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


async def _read(sent: AsyncIterator[SentEvent]) -> AsyncIterator[Event]:
    async for event in sent:
        yield read_feed_event(event)
