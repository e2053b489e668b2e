"""The synchronous SDK: ``Genq().jobs.create(...)``, shaped like the OpenAI SDK."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from genq import exchanges
from genq.appeals import Appeals
from genq.batches import Batches
from genq.cache import Cache
from genq.chats import Chats
from genq.cli.profile import connection
from genq.dead_letters import DeadLetters
from genq.estimates import Estimate, estimate_job
from genq.event_models import Event, read_feed_event
from genq.generating import ImageOptions, TextOptions, generate_image, generate_text
from genq.hash_lists import HashLists
from genq.job_requests import JobOptions, RequestOptions
from genq.jobs import Jobs
from genq.key_models import Tenant
from genq.keys import Keys, show_tenant
from genq.listening import Listener
from genq.policies import Policies
from genq.privacy import Privacy
from genq.retries import DEFAULT_RETRIES
from genq.reviews import Reviews
from genq.schedules import Schedules
from genq.stored_files import Files
from genq.target import DEFAULT_TIMEOUT, target_at
from genq.transport import Transport
from genq.usage import Day, Usage, read_usage, read_usage_table
from genq.verification import Verification, verifying
from genq.webhooks import Webhooks


class Genq:
    """A client of one genq server; use it as a context manager, or call ``close``.

    Threads may share it.

    >>> with Genq() as client:
    ...     picture = client.generate("a red kite over the sea")
    ...     job = client.jobs.create(kind="image", input={"prompt": "a lighthouse", "n": 4})
    ...     for artifact in client.jobs.wait(job.id).require_success().artifacts:
    ...         client.jobs.download(job.id, artifact.index, f"{artifact.index}.png")
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
        """Find the server; nothing is sent yet.

        Args:
            api_key: ``gq_…``; else ``GENQ_API_KEY``; else the profile that ``genq up`` wrote.
            base_url: Such as ``http://127.0.0.1:8080``; else ``GENQ_URL``; else the profile.
            timeout: Seconds for one request, on top of what the server holds it for.
            max_retries: How often a request is sent again where that is safe: after a broken
                connection, 408, 429, 502, 503, 504; ``Retry-After`` up to a minute is heeded.
            extra_headers: What every request carries besides.
            webhook_secret: ``whsec_…`` for ``webhooks.verify``; else the profile's.

        Raises:
            ConfigurationError: No server or no key is known.
        """
        found = connection(base_url, api_key)
        target = target_at(
            found.url, found.api_key, timeout=timeout, max_retries=max_retries
        ).changed({"extra_headers": extra_headers or {}})
        self.base_url = target.url
        self._webhook_secret = webhook_secret
        self._use(Transport(target))

    def _use(self, transport: Transport) -> None:
        self._transport = transport
        self.appeals = Appeals(transport)
        self.batches = Batches(transport)
        self.cache = Cache(transport)
        self.chats = Chats(transport)
        self.jobs = Jobs(transport)
        self.dead_letters = DeadLetters(transport)
        self.files = Files(transport)
        self.hash_lists = HashLists(transport)
        self.keys = Keys(transport)
        self.policies = Policies(transport)
        self.privacy = Privacy(transport)
        self.reviews = Reviews(transport)
        self.schedules = Schedules(transport)
        self.webhooks = Webhooks(transport, self._webhook_secret)

    def with_options(self, **request: Unpack[RequestOptions]) -> Self:
        """Return a client that shares the connections and sends its requests in another way."""
        other = copy.copy(self)
        other._use(self._transport.changed(request))  # noqa: SLF001 - a copy of itself
        return other

    def generate(self, prompt: str, **options: Unpack[ImageOptions]) -> bytes:
        """Return the picture that a prompt gives: submit, wait, fetch.

        Args:
            prompt: What it shows.
            options: ``size="1024x1024"``, ``model=…``, ``lane="turbo"``, ``timeout=60``…

        Raises:
            JobFailedError: There is no picture; ``job`` tells why.
            WaitTimeoutError: It took longer than ``timeout``, half an hour if not given; the
                job goes on.
            ApiError: The server refused it; the subclasses say why.
        """
        return self._transport.run(generate_image(prompt, options))

    def generate_text(self, prompt: str, **options: Unpack[TextOptions]) -> str:
        """Return the words that a prompt gives: submit, wait, fetch.

        Args:
            prompt: What the user says.
            options: ``system="Be brief."``, ``model=…``, ``temperature=0``, ``timeout=60``…

        Raises:
            JobFailedError: There are no words; ``job`` tells why.
            WaitTimeoutError: It took longer than ``timeout``, half an hour if not given; the
                job goes on.
            ApiError: The server refused it; the subclasses say why.
        """
        return self._transport.run(generate_text(prompt, options))

    def estimate(
        self,
        *,
        kind: str,
        input: Mapping[str, object],  # noqa: A002 - the field's name in the API
        **options: Unpack[JobOptions],
    ) -> Estimate:
        """Return what would become of a job: its price, its place, the verdict.

        Args:
            kind: ``image`` or ``chat``.
            input: The model's parameters, as of ``jobs.create``.
            options: ``model=…``, ``lane="turbo"``… as of ``jobs.create``.
        """
        asked = estimate_job({"kind": kind, "input": input, **options})
        return self._transport.run(asked)

    def usage(
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

        Args:
            since: From the hour of this instant, or this day of UTC; else this month.
            until: Up to the end of the hour before this instant, or this day; else up to now.
            interval: ``hour``, ``day``, ``month`` or ``total``.
            by: Of ``model``, ``asked_model``, ``kind``, ``lane``, ``end_user``, ``batch``,
                ``cached``; for operators ``server`` and ``tenant`` too.
            tenant: For operators: of this tenant.
            everybody: For operators: of all tenants.
        """
        asked = read_usage(
            since, until, interval=interval, by=by, tenant=tenant, operator=everybody
        )
        return self._transport.run(asked)

    def usage_table(
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
        return self._transport.run(asked)

    def verify(
        self,
        file: bytes | str | Path | None = None,
        *,
        sha256: str | None = None,
        text: str | None = None,
    ) -> Verification:
        """Return where a picture or a text comes from, as far as that is known.

        Args:
            file: A PNG, JPEG or WebP file: its bytes, or where it is.
            sha256: Of a file, instead.
            text: Instead; near ones are found from 20 words on.

        Raises:
            InvalidRequestError: It is no such file, damaged, or too large.
        """
        return self._transport.run(verifying(file, sha256=sha256, text=text))

    def tenant(self) -> Tenant:
        """Return who the key in use belongs to, its limits, and what the key may do."""
        return self._transport.run(show_tenant())

    def events(
        self, *, after: str | None = None, types: Sequence[str] | None = None
    ) -> Iterator[Event]:
        """Yield the ends of all jobs of the key's owner, as they happen, without end.

        Args:
            after: The ``cursor`` of an event: begin with those after it; or ``now``; else with
                the oldest that is kept.
            types: Only these, such as ``["job.failed"]``.

        Raises:
            InvalidRequestError: Events behind the cursor are no longer kept.
        """
        listener = Listener(exchanges.feed_source(after, types))
        return map(read_feed_event, self._transport.listen(listener))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
