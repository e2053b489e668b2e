"""Stage 4: put the pictures where their callers can fetch them."""

from dataclasses import replace
from hashlib import sha256

from infra.objectstore.keys import extension_of, object_key
from infra.objectstore.store import ObjectStore
from schemas.claim import Claim
from schemas.job import Artifact
from worker.pipeline.job_run import JobRun
from worker.providers.picture import Picture
from worker.spans import put_span
from worker.together import together


class Store:
    """Stores every picture under a key that names the fence.

    An attempt that was replaced meanwhile therefore never overwrites its successor's files.
    """

    name = "store"

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` with ``artifacts``, in the order of the pictures.

        Raises:
            ObjectStoreError: A picture could not be stored; the others are given up.
        """
        pictures = run.output.pictures if run.output else ()
        puts = [self._put(run.claim, index, picture) for index, picture in enumerate(pictures)]
        return replace(run, artifacts=await together(puts))

    async def _put(self, claim: Claim, index: int, picture: Picture) -> Artifact:
        key = object_key(
            tenant_id=claim.tenant_id,
            created_at=claim.created_at,
            job_id=claim.job_id,
            fence=claim.fence,
            index=index,
            extension=extension_of(picture.content_type),
        )
        with put_span(len(picture.data), picture.content_type):
            await self._store.put(key, picture.data, picture.content_type)
        return Artifact(
            index=index,
            key=key,
            content_type=picture.content_type,
            bytes=len(picture.data),
            sha256=sha256(picture.data).hexdigest(),
            width=picture.width,
            height=picture.height,
        )
