"""Puts what was made into the object store: where callers fetch it, or where nobody does."""

from collections.abc import Sequence
from hashlib import sha256

from infra.objectstore.keys import extension_of, object_key
from infra.objectstore.store import ObjectStore
from schemas.claim import Claim
from schemas.job import Artifact
from schemas.provenance import Mark
from worker.providers.audio import Audio
from worker.providers.picture import Picture
from worker.spans import put_span
from worker.together import together


async def put_files(
    store: ObjectStore,
    claim: Claim,
    files: Sequence[Picture | Audio],
    marks: Sequence[Mark] = (),
    *,
    prefix: str = "",
) -> tuple[Artifact, ...]:
    """Store every file under a key that names the fence; return them in their order.

    An attempt that was replaced meanwhile therefore never overwrites its successor's files.

    Args:
        store: Where to.
        claim: Whose they are.
        files: As they are handed out.
        marks: What the registry knows of them: their digests are known with it.
        prefix: Of their keys.

    Raises:
        ObjectStoreError: A file could not be stored; the others are given up.
    """
    digests = {mark.index: mark.sha256 for mark in marks}

    async def put(index: int, file: Picture | Audio) -> Artifact:
        size = (file.width, file.height) if isinstance(file, Picture) else (None, None)
        key = prefix + object_key(
            tenant_id=claim.tenant_id,
            created_at=claim.created_at,
            job_id=claim.job_id,
            fence=claim.fence,
            index=index,
            extension=extension_of(file.content_type),
        )
        with put_span(len(file.data), file.content_type):
            await store.put(key, file.data, file.content_type)
        return Artifact(
            index=index,
            key=key,
            content_type=file.content_type,
            bytes=len(file.data),
            sha256=digests.get(index) or sha256(file.data).hexdigest(),
            width=size[0],
            height=size[1],
        )

    return await together([put(index, file) for index, file in enumerate(files)])
