"""What it takes to keep batches, handed down from the process's entry."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.doorbells import Doorbells
from infra.file_bytes import FileBytes
from infra.objectstore.store import ObjectStore
from infra.postgres.engine import whole_transactions
from infra.settings import Settings
from producer.cancel import Canceller
from producer.draft import Drafter
from producer.moderation import SubmitChecks
from producer.openai.endpoint import Endpoint, Reading
from producer.openai.links import BATCH_LINK_LIFE, ArtifactLinks


@dataclass(frozen=True, slots=True)
class BatchParts:
    """What every step of a batch may use.

    Attributes:
        engine: Of whole transactions.
        drafter: Makes jobs of requests; it does not judge what they say.
        checks: Know whom a tenant's policy lets ask for nothing; ``None``: everybody may.
        canceller: Ends the jobs of a batch that is cancelled.
        endpoints: By path.
        reading: Where to find what jobs made.
    """

    engine: AsyncEngine
    settings: Settings
    doorbells: Doorbells
    clock: Clock
    files: FileBytes
    drafter: Drafter
    checks: SubmitChecks | None
    canceller: Canceller
    endpoints: Mapping[str, Endpoint]
    reading: Reading


def batch_parts(
    engine: AsyncEngine,
    settings: Settings,
    doorbells: Doorbells,
    clock: Clock,
    *,
    store: ObjectStore,
    endpoints: Mapping[str, Endpoint],
    checks: SubmitChecks | None = None,
) -> BatchParts:
    """Return the parts of a process.

    Args:
        engine: Connections.
        settings: The installation's.
        doorbells: Rung after commits.
        clock: Says what has expired.
        store: Where files and results lie.
        endpoints: What lines may ask for, by path.
        checks: Of the process's other doors.
    """
    whole, public_url = whole_transactions(engine), settings.public_url.rstrip("/")
    pepper = settings.key_pepper.get_secret_value()
    links = ArtifactLinks(pepper, public_url, clock, life=BATCH_LINK_LIFE)
    return BatchParts(
        engine=whole,
        settings=settings,
        doorbells=doorbells,
        clock=clock,
        files=FileBytes(whole, store),
        # What lines say is judged by the worker that runs them.
        drafter=Drafter(whole, settings, clock),
        checks=checks,
        canceller=Canceller(whole, settings, doorbells),
        endpoints=endpoints,
        reading=Reading(store, public_url, links),
    )
