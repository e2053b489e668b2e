"""Actions on the pictures of a job: what becomes of one, and where the new job comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import transaction
from infra.postgres.read_jobs import get_job
from infra.settings import Settings
from producer.picture_models import PictureModels, refuse_out_of_place
from producer.picture_recipes import Derived, derive
from schemas.errors import FieldError, InputError
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.job import JobRecord
from schemas.job_states import JobState, status_of
from schemas.lineage import Lineage
from schemas.picture_action import OF_ACTIONS, PictureActionRequest
from schemas.picture_action_errors import ActionNotPossibleError, NoSuchPictureError
from schemas.server_tags import MOST_TAGS


@dataclass(frozen=True, slots=True)
class NextJob:
    """A job to be submitted.

    Attributes:
        request: In the shape of ``JobRequest``.
        lineage: Where it comes from.
    """

    request: Mapping[str, Any]
    lineage: Lineage


class PictureActions:
    """Makes requests of actions, for the one door of all jobs.

    Args:
        engine: The way to other jobs whose pictures are wanted.
        settings: Which models there are.
    """

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = engine
        self._models = PictureModels(settings)

    async def next_job(self, job: JobRecord, wanted: PictureActionRequest) -> NextJob:
        """Return the job that does what is wanted with the pictures of ``job``.

        Raises:
            ActionNotPossibleError: The job, or what is configured, does not allow it.
            NoSuchPictureError: There is no picture of an index that was named.
            ContentErasedError: What it needs of the job is gone.
            InputError: A parameter is missing, wrong, or none of this action.
        """
        refuse_out_of_place(
            wanted.out_of_place, wanted.action, sorted(OF_ACTIONS[wanted.action])
        )
        _refuse_state(job)
        derived = derive(job, wanted, self._models)
        tags = await self._look_at_others(job, wanted)
        root = job.lineage.root_id if job.lineage is not None else job.id
        lineage = Lineage(root, (job.id, *derived.others), wanted.action, derived.detail)
        return NextJob(_request(job, wanted, derived, _all_of(tags)), lineage)

    async def _look_at_others(
        self, job: JobRecord, wanted: PictureActionRequest
    ) -> Sequence[str]:
        """Hold other jobs' pictures to what the job's own is held to: they must be there.

        Returns:
            The tags that any of these jobs insists on: what is made of them does, too.
        """
        tags = [*job.requires]
        for n, reference in enumerate(wanted.images):
            if not reference.startswith("job_"):
                continue
            name, _, index = reference.partition("/")
            place = f"/images/{n}"
            async with transaction(self._engine) as connection:
                found = await get_job(connection, job.tenant_id, _key(name, place))
            if found is None:
                what = f"there is no job {name}"
                raise InputError(what, fields=[FieldError(place, what)])
            if found.state is not JobState.SUCCEEDED or found.output_erased:
                what = f"{name} has no pictures: it has not succeeded, or they were erased"
                raise ActionNotPossibleError(what, fields=[FieldError(place, what)])
            if int(index) not in {one.index for one in found.artifacts}:
                what = f"{name} made {len(found.artifacts)} pictures; there is none of {index}"
                raise NoSuchPictureError(what, fields=[FieldError(place, what)])
            tags += found.requires
        return tags


def _all_of(tags: Sequence[str]) -> Sequence[str]:
    """Return each tag once, if a job may insist on so many."""
    once = list(dict.fromkeys(tags))
    if len(once) > MOST_TAGS:
        raise ActionNotPossibleError(
            f"the jobs of these pictures insist on {len(once)} tags of a model server "
            f"({', '.join(once)}), and one job may insist on {MOST_TAGS}: take fewer pictures"
        )
    return once


def _key(name: str, place: str) -> UUID:
    try:
        return parse_id("job", name)
    except InvalidIdError as error:
        raise InputError(f"{name}: {error}", fields=[FieldError(place, str(error))]) from None


def _request(
    job: JobRecord, wanted: PictureActionRequest, derived: Derived, tags: Sequence[str]
) -> Mapping[str, Any]:
    kept = {"lane": job.lane, "priority": job.priority, "end_user": job.end_user}
    made = {"kind": derived.kind, "model": derived.model, "input": dict(derived.input)}
    exact = {"cache": "off"} if derived.exact else {}
    held = {"requires": {"tags": tags}} if tags else {}
    return {**kept, **wanted.of_the_job, **made, **exact, **held}


def _refuse_state(job: JobRecord) -> None:
    shown, status = format_id("job", job.id), status_of(job.state).value
    if not job.kind.pictures:
        raise ActionNotPossibleError(
            f"{shown} is of kind {job.kind.value}: actions are for jobs of kind image and "
            "image_edit"
        )
    if job.state is JobState.SUCCEEDED:
        return
    hint = (
        "submit it again, or try it again: POST /v1/jobs/{job_id}/retry"
        if job.state.final
        else "wait until it has succeeded (Prefer: wait=60, its events, or a webhook)"
    )
    raise ActionNotPossibleError(f"{shown} is {status}, and has no pictures: {hint}")
