"""Marks results: a manifest and XMP inside of pictures, and what the registry keeps of them."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from PIL import Image

from infra.provenance.credentials import (
    Credentials,
    CredentialsError,
    Part,
    Signed,
    may_have_manifest,
)
from infra.provenance.manifests import (
    Facts,
    Ingredient,
    definition,
    ingredient_definitions,
)
from infra.provenance.signing import Signing
from infra.provenance.xmp import with_xmp
from infra.safety.fingerprints import Fingerprint, fingerprint_of
from infra.safety.pictures import SIDE, square_of
from infra.safety.simhash import simhash, text_bands
from infra.telemetry.safety_metrics import UNMARKED
from schemas.policy_duties import Marking
from schemas.provenance import TEXT_INDEX, TEXT_TYPE, Mark

_FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF")
_MOST_PIXELS: Final = 40_000_000
"""Of larger pictures there is no fingerprint: a worker's memory is for its jobs."""

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Marked:
    """A picture as it is handed out, and what is kept of it, if anything is."""

    data: bytes
    mark: Mark | None


class Marker:
    """Marks pictures and texts. Safe for threads, and across a fork.

    Args:
        credentials: Who signs.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._signing = Signing(credentials)

    def mark_picture(
        self,
        data: bytes,
        media_type: str,
        facts: Facts,
        *,
        index: int,
        how: Marking,
        inputs: Sequence[Ingredient] = (),
    ) -> Marked:
        """Return a picture with its marks. Where one cannot be set the others are.

        Args:
            data: As the model server gave it.
            media_type: What it is.
            facts: What its manifest says.
            index: Among the job's artifacts.
            how: Which marks the policy wants.
            inputs: Pictures with manifests that went into it.
        """
        made = with_xmp(data, media_type) if how.xmp else data
        signed = self._signed(data, made, media_type, facts, inputs) if how.c2pa else None
        if signed is not None:
            made = signed.data
        if not how.registry:
            return Marked(made, None)
        seen = _fingerprint(data)
        mark = Mark(
            index=index,
            media_type=media_type,
            sha256=hashlib.sha256(made).hexdigest(),
            system=facts.system,
            dhash=seen.dhash.hex() if seen else None,
            phash=seen.phash.hex() if seen and seen.phash else None,
            bands=seen.bands() if seen else (),
            manifest_id=signed.manifest_id if signed else None,
        )
        return Marked(made, mark)

    def _signed(
        self,
        data: bytes,
        made: bytes,
        media_type: str,
        facts: Facts,
        inputs: Sequence[Ingredient],
    ) -> Signed | None:
        sign = self._credentials.sign
        # A model's maker marks pictures too: what it says is kept inside of what we say.
        if may_have_manifest(data):
            (named,) = ingredient_definitions(parent=True, ingredients=0)
            try:
                told = definition(facts, parent=True, ingredients=0)
                return sign(made, media_type, told, [Part(data, media_type, named)])
            except CredentialsError as error:
                _log.warning("manifest_not_kept", error=str(error)[:200])
        try:
            if inputs:
                return self._with_inputs(made, media_type, facts, inputs)
            return self._signing.sign(made, media_type, facts)
        except CredentialsError as error:
            UNMARKED.labels(media_type).inc()
            _log.error("picture_not_signed", media_type=media_type, error=str(error)[:200])
            return None

    def _with_inputs(
        self, made: bytes, media_type: str, facts: Facts, inputs: Sequence[Ingredient]
    ) -> Signed:
        named = ingredient_definitions(parent=False, ingredients=len(inputs))
        parts = [
            Part(one.data, one.media_type, name)
            for one, name in zip(inputs, named, strict=True)
        ]
        told = definition(facts, parent=False, ingredients=len(inputs))
        try:
            return self._credentials.sign(made, media_type, told, parts)
        except CredentialsError as error:
            # A stranger's manifest, which may be anything, must not cost the job its own.
            _log.warning("ingredients_left_out", error=str(error)[:200])
        return self._credentials.sign(
            made, media_type, definition(facts, parent=False, ingredients=0)
        )


def mark_text(text: str, system: str) -> Mark | None:
    """Return what is kept of a text; ``None`` of one that is too short to be anybody's."""
    found = simhash(text)
    if found is None:
        return None
    return Mark(
        index=TEXT_INDEX,
        media_type=TEXT_TYPE,
        sha256=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        system=system,
        simhash=found.hex(),
        bands=text_bands(found),
    )


def _fingerprint(data: bytes) -> Fingerprint | None:
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            image.draft("L", (2 * SIDE, 2 * SIDE))
            return fingerprint_of(square_of(image))
    except Exception as error:  # noqa: BLE001 - whatever a model server gave is handed out
        _log.warning("picture_not_fingerprinted", error_type=type(error).__name__)
        return None
