"""All looks, one after the other, each within its time; one that fails is a finding itself."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Final

from sqlalchemy.exc import DBAPIError

from producer.doctor.bots import look_at_bots
from producer.doctor.database import look_at_database, look_at_partitions
from producer.doctor.finding import Finding, wrong
from producer.doctor.provenance import look_at_provenance
from producer.doctor.receivers import look_at_receivers
from producer.doctor.reviews import look_at_reviews
from producer.doctor.routes import look_at_routes
from producer.doctor.safety import look_at_safety
from producer.doctor.servers import look_at_broker, look_at_store, look_at_valkey
from producer.doctor.subject import Subject
from producer.doctor.work import (
    look_at_owed,
    look_at_pauses,
    look_at_processes,
    look_at_promises,
    look_at_waiting,
    look_at_workers,
)
from schemas.errors import GenqError

Look = Callable[[Subject], Awaitable[list[Finding]]]

_PATIENCE_SECONDS: Final = 15.0
# The auditor may read a day of a busy system.
_AUDIT_SECONDS: Final = 300.0
_WHY: Final = "what cannot be looked at cannot be relied on"

LOOKS: Final[dict[str, Look]] = {
    "database": look_at_database,
    "partitions": look_at_partitions,
    "broker": look_at_broker,
    "valkey": look_at_valkey,
    "object_store": look_at_store,
    "processes": look_at_processes,
    "workers": look_at_workers,
    "waiting": look_at_waiting,
    "owed": look_at_owed,
    "receivers": look_at_receivers,
    "bots": look_at_bots,
    "routes": look_at_routes,
    "paused": look_at_pauses,
    "safety": look_at_safety,
    "provenance": look_at_provenance,
    "reviews": look_at_reviews,
    "audit": look_at_promises,
}
_ACTIONS: Final = {
    "database": "is it running, and does GENQ_DATABASE_URL name it? Its log tells more",
    "broker": "is it running, and does GENQ_BROKER_URL name it?",
    "valkey": "is it running, and does GENQ_VALKEY_URL (or GENQ_BROKER_URL) name it?",
    "object_store": "do GENQ_OBJECT_STORE and its keys name a place that may be written to?",
    "safety": "install genq again, of the same version as everywhere",
    "provenance": "do GENQ_C2PA_CERTIFICATE_FILE and GENQ_C2PA_KEY_FILE name PEM files?",
    "audit": "look at fewer jobs: --hours",
    "model_servers": "are they running, and does GENQ_MODEL_SERVERS name them?",
}
_SERVERS: Final = frozenset({"broker", "valkey"})
_MEND_DATABASE: Final = "mend what was said of the database, then look again"


async def examine(
    subject: Subject, looks: Mapping[str, Look] = LOOKS
) -> AsyncGenerator[Finding]:
    """Yield findings as they come."""
    for check, look in looks.items():
        for finding in await _within_its_time(check, look, subject):
            yield finding


async def _within_its_time(check: str, look: Look, subject: Subject) -> list[Finding]:
    seconds = _AUDIT_SECONDS if check == "audit" else _PATIENCE_SECONDS
    try:
        async with asyncio.timeout(seconds):
            return await look(subject)
    except TimeoutError:
        fault = f"no answer within {seconds:g} s"
    except GenqError as error:
        fault = f"it does not answer ({error.message})" if check in _SERVERS else error.message
    except DBAPIError as error:
        # The first line is PostgreSQL's own; the statement and its values are not shown.
        fault = str(error.orig).strip().splitlines()[0]
    except Exception as error:  # noqa: BLE001 - a look that breaks must not hide the others
        fault = type(error).__name__
    return [wrong(check, fault, _WHY, _ACTIONS.get(check, _MEND_DATABASE))]
