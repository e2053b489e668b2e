"""Puts pictures into the object store: where callers fetch them, or where nobody does."""

from collections.abc import Sequence
from hashlib import sha256

from infra.objectstore.keys import extension_of, object_key
from infra.objectstore.store import ObjectStore
from schemas.claim import Claim
from schemas.job import Artifact
from schemas.provenance import Mark
from worker.providers.picture import Picture
from worker.spans import put_span
from worker.together import together


async def put_pictures(
    store: ObjectStore,
    claim: Claim,
    pictures: Sequence[Picture],
    marks: Sequence[Mark] = (),
    *,
    prefix: str = "",
) -> tuple[Artifact, ...]:
    """Store every picture under a key that names the fence; return them in their order.

    An attempt that was replaced meanwhile therefore never overwrites its successor's files.

    Args:
        store: Where to.
        claim: Whose they are.
        pictures: As they are handed out.
        marks: What the registry knows of them: their digests are known with it.
        prefix: Of their keys.

    Raises:
        ObjectStoreError: A picture could not be stored; the others are given up.
    """
    digests = {mark.index: mark.sha256 for mark in marks}

    async def put(index: int, picture: Picture) -> Artifact:
        key = prefix + object_key(
            tenant_id=claim.tenant_id,
            created_at=claim.created_at,
            job_id=claim.job_id,
            fence=claim.fence,
            index=index,
            extension=extension_of(picture.content_type),
        )
        with put_span(len(picture.data), picture.content_type):
            await store.put(key, picture.data, picture.content_type)
        return Artifact(
            index=index,
            key=key,
            content_type=picture.content_type,
            bytes=len(picture.data),
            sha256=digests.get(index) or sha256(picture.data).hexdigest(),
            width=picture.width,
            height=picture.height,
        )

    return await together([put(index, picture) for index, picture in enumerate(pictures)])
