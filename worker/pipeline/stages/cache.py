"""Between stages 3 and 4: was this very thing made before, or is it being made?"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import SystemClock
from infra.objectstore.store import ObjectStore
from infra.postgres.cache import CacheKey, Source
from infra.settings import Settings
from infra.telemetry.cache_metrics import BYTES_GIVEN, answered
from schemas.cache import CacheStatus
from schemas.cache_key import Asked, cache_key, may_be_cached
from schemas.errors import DatabaseUnavailableError, ObjectMissingError
from schemas.generation import Usage
from schemas.model_catalog import ModelServer, Offer
from schemas.safety import Stage
from worker.pipeline.flights import Flight, Flights, others_ask
from worker.pipeline.job_run import OWN_MEMBERS, JobRun, ServedBy
from worker.pipeline.recent_replies import RecentReplies
from worker.providers.answers import storable
from worker.providers.audio import Audio
from worker.providers.picture import Picture
from worker.providers.provider import Reply
from worker.together import together

_log: Final = structlog.get_logger()

_AUDIO: Final = "audio/"


@dataclass(frozen=True, slots=True)
class CacheRules:
    """What keys are made of beside the job.

    Attributes:
        pepper: Keys the digests.
        marking: Who marks what is made, if anybody does.
    """

    pepper: bytes
    marking: str


class Cache:
    """Gives a job the output of an earlier one, or lets it wait for one that is being made.

    What is given goes through all stages that follow, as what a model gives does: every job is
    judged, marked, stored, recorded and told of by itself.
    """

    name = "cache"

    def __init__(self, flights: Flights, store: ObjectStore, rules: CacheRules) -> None:
        self._flights = flights
        self._store = store
        self._rules = rules

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` with an ``output`` that was made before, or a ``flight``.

        Raises:
            IdenticalJobRunsError: An identical job asks the model: wait for it in the queue.
            ObjectStoreError: What was made before cannot be read now.
        """
        claim = run.claim
        told = claim.input if run.told is None else run.told
        if not may_be_cached(claim.kind, claim.cache, told):
            return run
        try:
            key = CacheKey(claim.tenant_id, cache_key(self._asked(run), self._rules.pepper))
        except (ValidationError, ValueError, TypeError):
            # Nothing that a model could not be asked for, only nothing that has one form.
            _log.warning("cache_key_not_made", kind=claim.kind.value)
            return run
        try:
            return await self._answered(run, key)
        except DatabaseUnavailableError:
            _log.warning("cache_away")
            return run

    def close(self) -> None:
        """Forget what is held in memory."""
        self._flights.recent.close()

    async def _answered(self, run: JobRun, key: CacheKey) -> JobRun:
        begun = asyncio.get_running_loop().time()
        source = await self._flights.look(key)
        while True:
            if source is None:
                boarded = await self._flights.board(key, run.claim)
                if isinstance(boarded, Flight):
                    answered(CacheStatus.MISS)
                    return replace(run, flight=boarded, cache=CacheStatus.MISS)
                if isinstance(boarded, Source):
                    source = boarded
                elif await self._flights.wait_here(key):
                    source = await self._flights.look(key)
                    continue
                else:
                    raise others_ask(key, run.claim, begun)
            given = await self._given(run, source)
            if given is not None:
                return given
            await self._flights.drop(key, source.job_id)
            source = None

    async def _given(self, run: JobRun, source: Source) -> JobRun | None:
        """Return ``run`` with what was made for another job; ``None``: it is not there."""
        reply = self._flights.recent.get(source.job_id)
        if reply is None:
            files = await self._files(source)
            if files is None:
                return None
            reply = _reply(source, files)
            self._flights.recent.put(source.job_id, reply)
        # Who waited for it, and who came after it.
        shared = source.finished_at > run.claim.created_at
        status = CacheStatus.SHARED if shared else CacheStatus.HIT
        answered(status)
        BYTES_GIVEN.inc(reply.bytes)
        return replace(
            run,
            output=reply,
            served_by=_served_by(source),
            cached_of=source.job_id,
            cache=status,
        )

    async def _files(self, source: Source) -> Sequence[Picture | Audio] | None:
        async def read(key: str) -> bytes:
            return await (await self._store.get(key)).read()

        try:
            files = await together([read(one.key) for one in source.artifacts])
        except ObjectMissingError:
            _log.warning("cached_object_missing", of=str(source.job_id))
            return None
        for artifact, data in zip(source.artifacts, files, strict=True):
            if hashlib.sha256(data).hexdigest() != artifact.sha256:
                _log.error("cached_object_changed", of=str(source.job_id))
                return None
        return [
            Audio(data, one.content_type)
            if one.content_type.startswith(_AUDIO)
            else Picture(data, one.content_type, one.width or 0, one.height or 0)
            for one, data in zip(source.artifacts, files, strict=True)
        ]

    def _asked(self, run: JobRun) -> Asked:
        claim = run.claim
        verdict = run.verdicts.get(Stage.PROMPT.value)
        policy = (
            ()
            if verdict is None
            else (
                verdict.policy.name,
                str(verdict.policy.version),
                verdict.policy.digest,
                verdict.policy.level,
            )
        )
        return Asked(
            tenant_id=claim.tenant_id,
            kind=claim.kind,
            model=claim.model,
            route=[_route(offer, run) for offer in run.offers],
            told=claim.input if run.told is None else run.told,
            policy=policy,
            marking=self._rules.marking,
        )


def _route(offer: Offer, run: JobRun) -> object:
    return [offer.model, [_revision(server, offer.model, run) for server in offer.servers]]


def _revision(server: ModelServer, model: str, run: JobRun) -> object:
    """Return what is configured of a model at a server, as far as it decides what comes out."""
    kind = run.claim.kind
    return [
        server.name,
        server.base_url,
        str(server.protocol),
        *(
            spec.model_dump(mode="json", exclude={"price", "fallbacks", "streams_progress"})
            for spec in server.models
            if spec.name == model and spec.kind is kind
        ),
    ]


def _reply(source: Source, files: Sequence[Picture | Audio]) -> Reply:
    body = source.body
    return Reply(
        pictures=tuple(file for file in files if isinstance(file, Picture)),
        audio=next((file for file in files if isinstance(file, Audio)), None),
        text=body.get("text"),
        usage=Usage.model_validate(body.get("usage") or {}),
        details={
            name: storable(value) for name, value in body.items() if name not in OWN_MEMBERS
        },
    )


def _served_by(source: Source) -> ServedBy | None:
    told = source.body.get("served_by")
    return ServedBy(told["model"], told["server"]) if told else None


def open_cache(settings: Settings, engine: AsyncEngine, store: ObjectStore) -> Cache | None:
    """Return the stage; ``None`` if the installation uses no answer again.

    Args:
        settings: Whether it does, and for how long.
        engine: The way to PostgreSQL. Its commits need not wait for the disk: a flight that a
            crash forgets is one call too many.
        store: Where pictures are.
    """
    if not settings.cache:
        return None
    flights = Flights(
        engine,
        slots=settings.slots,
        wall_time=settings.attempt_timeout,
        ttl=settings.cache_ttl,
        recent=RecentReplies(SystemClock()),
    )
    pepper = settings.key_pepper.get_secret_value().encode()
    marking = settings.provider_name if settings.provenance else ""
    return Cache(flights, store, CacheRules(pepper, marking))
