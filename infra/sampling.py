"""Which of the jobs that go through a person looks at afterwards: a share, always the same."""

import zlib
from typing import Final
from uuid import UUID

import orjson

from infra.postgres.reviews import NewReview
from infra.safety.moderation import Judged
from schemas.checks import job_verdict
from schemas.review import Origin
from schemas.review_terms import review_terms
from schemas.safety import Action, Stage

_ALL: Final = 2**32
_NOT_THE_JOB: Final = 1


def sample_of(stage: Stage, judged: Judged, tenant_id: int, job_id: UUID) -> NewReview | None:
    """Return what a person is asked about a job that goes through; mostly ``None``.

    It depends on the job's id and the policy alone, and is one item per job: an attempt may be
    repeated, and both of a job's stages may be chosen.
    """
    verdict, rates = judged.verdict, judged.policy.review.sample
    rate = {Action.ALLOW: rates.allow, Action.FLAG: rates.flag}.get(verdict.action, 0.0)
    if not rate or zlib.crc32(job_id.bytes) >= rate * _ALL:
        return None
    return NewReview(
        id=UUID(int=job_id.int ^ _NOT_THE_JOB),
        tenant_id=tenant_id,
        job_id=job_id,
        stage=stage,
        category=review_terms(verdict, judged.policy).category,
        verdict=orjson.dumps(job_verdict(stage.value, verdict)).decode(),
        origin=Origin.SAMPLE,
        holds=False,
    )
