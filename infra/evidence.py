"""Keeps what was judged, sealed, in a transaction of its own: nothing rolled back takes it."""

import hashlib
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import orjson
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import transaction
from infra.postgres.evidence import Evidence, NewEvidence, keep_evidence
from infra.postgres.reviews import open_reviews
from infra.safety.moderation import Judged
from infra.safety.parts import Whose
from infra.safety.strikes import Blocked, add_strikes, blocked_prompt
from infra.sampling import sample_of
from infra.sealing import Sealer, sealer_for
from infra.settings import Settings
from infra.subjects import subject_of
from infra.telemetry.safety_metrics import EVIDENCE_LOST
from schemas.checks import job_verdict
from schemas.errors import DatabaseUnavailableError
from schemas.safety import Action, Stage

LONGEST: Final = 16_000
"""Characters of a job that are kept."""

_log: Final = structlog.get_logger()


class EvidenceKeeper:
    """Keeps the texts of what was blocked, or is to be looked at by a person.

    Args:
        engine: The way to PostgreSQL.
        settings: Keys to seal with, and the pepper of pseudonyms.
    """

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._sealer = sealer_for(settings)

    async def keep(self, stage: Stage, judged: Judged, whose: Whose, job_id: UUID) -> None:
        """Keep what was judged, and count it against who asked, if its verdict calls for it.

        Without PostgreSQL it is lost: the job ends, or is held, all the same.
        """
        if judged.verdict.action < Action.REVIEW:
            return
        strike = self.strike_of(judged, whose) if stage is not Stage.OUTPUT else None
        try:
            async with transaction(self._engine) as connection:
                kept = self.of(stage, judged, whose, job_id)
                if await keep_evidence(connection, kept) and strike is not None:
                    await add_strikes(connection, [strike])
        except DatabaseUnavailableError:
            EVIDENCE_LOST.inc()
            _log.warning("evidence_lost", stage=stage.value)

    async def sample(self, stage: Stage, judged: Judged, whose: Whose, job_id: UUID) -> None:
        """Ask people about a job that goes through, if it is one of the policy's samples.

        Without PostgreSQL there is one sample less.
        """
        item = sample_of(stage, judged, whose.tenant_id, job_id)
        if item is None:
            return
        try:
            async with transaction(self._engine) as connection:
                await open_reviews(connection, [item])
        except DatabaseUnavailableError:
            _log.warning("sample_lost", stage=stage.value)

    def of(self, stage: Stage, judged: Judged, whose: Whose, job_id: UUID) -> NewEvidence:
        """Return what is kept of what was judged, sealed."""
        verdict, retention = judged.verdict, judged.policy.retention
        blocked = verdict.action is Action.BLOCK
        place = place_of(whose.tenant_id, job_id, stage.value)
        kept = orjson.dumps(_texts(judged)) if judged.parts else b""
        return NewEvidence(
            tenant_id=whose.tenant_id,
            job_id=job_id,
            stage=stage.value,
            subject=self._subject(whose),
            digest=bytes.fromhex(verdict.input_digest),
            body=self._sealer.seal(kept, place=place) if kept else b"",
            verdict=orjson.dumps(job_verdict(stage.value, verdict)).decode(),
            keep_for=retention.blocked_text if blocked else retention.review_evidence,
            most=retention.max_texts_per_subject_hour,
        )

    def strike_of(self, judged: Judged, whose: Whose) -> Blocked | None:
        """Return what a blocked prompt counts against who sent it, if it does."""
        if judged.avoided:
            # Who lists badly what is not to be made has asked for none of it.
            return None
        subject = self._subject(whose)
        return blocked_prompt(
            whose.tenant_id, subject, judged.verdict, judged.policy, judged.vector
        )

    def _subject(self, whose: Whose) -> bytes:
        return subject_of(self._settings, whose.tenant_id, whose.end_user)


def place_of(tenant_id: int, job_id: UUID, stage: str) -> str:
    """Return where evidence stands, as sealing wants it."""
    return f"safety_evidence|{tenant_id}|{job_id}|{stage}"


def texts_of(sealer: Sealer, evidence: Evidence) -> Sequence[dict[str, Any]]:
    """Return the texts that were kept: ``at`` (where in the job it stood) and ``text``.

    Raises:
        SealedValueError: It was sealed with a key that is not known any more.
    """
    if not evidence.body:
        return ()
    place = place_of(evidence.tenant_id, evidence.job_id, evidence.stage)
    return orjson.loads(sealer.open(evidence.body, place=place))


def _texts(judged: Judged) -> list[dict[str, Any]]:
    left = LONGEST
    kept: list[dict[str, Any]] = []
    whole: Sequence[str | int] | None = None
    for part in judged.parts:
        if part.start and part.place == whole:
            continue
        exact = part.exact is not None and len(part.exact) <= left
        whole = part.place if exact else None
        text = (part.exact or "") if exact else part.text[:left]
        left -= len(text)
        if part.picture is not None:
            digest = hashlib.sha256(part.picture.data).hexdigest()
            kept.append({"at": _pointer(part.place), "sha256": digest})
        elif text:
            kept.append({"at": _pointer(part.place), "text": _storable(text)})
    return kept


def _pointer(place: Sequence[str | int]) -> str:
    return "".join(f"/{step}" for step in place)


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
