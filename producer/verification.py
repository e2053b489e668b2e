"""Where does this come from? What a file says itself, and what the registry knows of it."""

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import transaction
from infra.postgres.provenance import ProvenanceRecord, find_exact, find_near
from infra.provenance.credentials import Credentials
from infra.provenance.verifying import (
    FileFacts,
    credentials_view,
    read_facts,
    signed_as_ai,
)
from infra.safety.fingerprints import NEAR, Looks
from infra.safety.pictures import PictureLimits, PictureRefusedError
from infra.safety.simhash import NEAR as NEAR_TEXT
from infra.safety.simhash import bits_apart, simhash, text_bands
from schemas.errors import FieldError, InputError
from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.provenance import TEXT_TYPE

_AT_ONCE: Final = 2
_SECONDS: Final = 20
_PICTURE_BITS: Final = 256
_TEXT_BITS: Final = 64
_NOTHING: Final[Mapping[str, Any]] = {
    "state": "none",
    "trusted": False,
    "signer": None,
    "claims": None,
    "problems": [],
}
_UNKNOWN: Final[Mapping[str, Any]] = {
    "match": "none",
    "made_by": None,
    "system": None,
    "made_at": None,
    "media_type": None,
    "distance": None,
    "bits": None,
    "job_id": None,
    "index": None,
}


class Verifier:
    """Answers who asks whether genq made something.

    Args:
        engine: Where the registry is.
        credentials: Reads manifests.
        limits: Of pictures that are looked at.
    """

    def __init__(
        self, engine: AsyncEngine, credentials: Credentials, limits: PictureLimits
    ) -> None:
        self._engine = engine
        self._credentials = credentials
        self._limits = limits
        # A picture takes up to a second of a processor: callers of other routes come first.
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def of_file(self, data: bytes, *, tenant_id: int) -> dict[str, Any]:
        """Return what is known of a picture: the fields of ``VerificationView``.

        Raises:
            InputError: It is no PNG, JPEG or WebP file, damaged, or too large.
            TimeoutError: Too many pictures are being looked at.
        """
        async with asyncio.timeout(_SECONDS), self._turns:
            try:
                facts = await asyncio.to_thread(
                    read_facts, data, self._credentials, self._limits
                )
            except PictureRefusedError as refusal:
                fault = FieldError("/file", str(refusal), refusal.rule)
                raise InputError("the file is not acceptable", fields=[fault]) from None
            registry = await self._registry(facts.sha256, tenant_id, looks=facts.looks)
        return _view(facts.sha256, registry, facts)

    async def of_digest(self, sha256: bytes, *, tenant_id: int) -> dict[str, Any]:
        """Return what is known of the file with this SHA-256."""
        return _view(sha256, await self._registry(sha256, tenant_id))

    async def of_text(self, text: str, *, tenant_id: int) -> dict[str, Any]:
        """Return what is known of a text; near ones are found from 20 words on."""
        sha256 = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        registry = await self._registry(sha256, tenant_id, found=simhash(text))
        return {**_view(sha256, registry), "media_type": TEXT_TYPE}

    async def _registry(
        self,
        sha256: bytes,
        tenant_id: int,
        *,
        looks: Looks | None = None,
        found: bytes | None = None,
    ) -> dict[str, Any]:
        bands = looks.bands() if looks else text_bands(found) if found else []
        async with transaction(self._engine) as connection:
            exact = await find_exact(connection, sha256, tenant_id=tenant_id)
            if exact is not None:
                return _record_view("exact", exact, 0, _PICTURE_BITS, tenant_id)
            candidates = await find_near(connection, bands) if bands else []
        if looks is not None:
            near = await asyncio.to_thread(_nearest_picture, looks, candidates)
            bits, most = _PICTURE_BITS, NEAR
        else:
            near = _nearest_text(found, candidates) if found else None
            bits, most = _TEXT_BITS, NEAR_TEXT
        if near is None or near[0] > most:
            return dict(_UNKNOWN)
        return _record_view("near", near[1], near[0], bits, tenant_id)


def _nearest_picture(
    looks: Looks, candidates: list[ProvenanceRecord]
) -> tuple[int, ProvenanceRecord] | None:
    told = [
        (distance, one)
        for one in candidates
        if one.phash is not None and (distance := looks.distance(one.phash)) is not None
    ]
    return min(told, key=lambda pair: (pair[0], pair[1].made_at), default=None)


def _nearest_text(
    found: bytes, candidates: list[ProvenanceRecord]
) -> tuple[int, ProvenanceRecord] | None:
    told = [(bits_apart(found, one.simhash), one) for one in candidates if one.simhash]
    return min(told, key=lambda pair: (pair[0], pair[1].made_at), default=None)


def _record_view(
    match: str, record: ProvenanceRecord, distance: int, bits: int, tenant_id: int
) -> dict[str, Any]:
    # Of other tenants nothing is told but that it was made here, with what, and when.
    own = record.tenant_id == tenant_id
    return {
        "match": match,
        "made_by": "genq",
        "system": record.system,
        "made_at": iso_ms(record.made_at),
        "media_type": record.media_type,
        "distance": distance,
        "bits": bits,
        "job_id": format_id("job", record.job_id) if own else None,
        "index": record.index if own else None,
    }


def _view(
    sha256: bytes, registry: Mapping[str, Any], facts: FileFacts | None = None
) -> dict[str, Any]:
    says = facts is not None and (facts.xmp or signed_as_ai(facts))
    return {
        "object": "verification",
        "ai_generated": True if says or registry["match"] != "none" else None,
        "media_type": facts.media_type if facts else registry["media_type"],
        "sha256": sha256.hex(),
        "c2pa": credentials_view(facts) if facts else dict(_NOTHING),
        "xmp": facts is not None and facts.xmp,
        "registry": dict(registry),
    }
