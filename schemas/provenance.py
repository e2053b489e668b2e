"""What genq says of what it made, and what it answers who asks whether it made something."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import ConfigDict

from schemas.shape import Shape

AI_SOURCE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's word for what a trained model made."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is kept of one result, so that it is found again. Hashes in hex; JSON types only.

    Attributes:
        index: Among the job's artifacts; -1 is its text.
        sha256: Of what was handed out.
        dhash: Of a picture: 8 bytes.
        phash: Of a picture in which there is something to recognise: 32 bytes.
        simhash: Of a text: 8 bytes.
        bands: What near results share some of.
        manifest_id: Of the manifest inside of a picture.
        system: What made it: genq's version, and the model.
    """

    index: int
    media_type: str
    sha256: str
    system: str
    dhash: str | None = None
    phash: str | None = None
    simhash: str | None = None
    bands: Sequence[int] = ()
    manifest_id: str | None = None


TEXT_INDEX: Final = -1
TEXT_TYPE: Final = "text/plain"


class SignerView(Shape):
    """Who signed a manifest, as the certificate says."""

    issuer: str | None
    common_name: str | None
    serial: str | None
    own: bool


class ClaimsView(Shape):
    """What a manifest says of a picture; none of it is known to be true unless it is valid."""

    id: str | None
    title: str | None
    generator: str | None
    digital_source_type: str | None
    made_at: str | None
    provider: str | None
    system: str | None
    system_version: str | None
    unique_id: str | None
    ingredients: int


class CredentialsView(Shape):
    """What Content Credentials (C2PA) inside of a file say.

    Attributes:
        state: ``invalid``: the file was changed after it was signed, or the signature is wrong.
        trusted: The signer's certificate leads to a root that this installation trusts.
        problems: Codes of what is wrong, as C2PA names them.
    """

    state: Literal["valid", "invalid", "none"]
    trusted: bool
    signer: SignerView | None
    claims: ClaimsView | None
    problems: list[str]


class RegistryView(Shape):
    """Whether this installation made it.

    Attributes:
        match: ``exact``: the very bytes; ``near``: it looks, or reads, like it.
        distance: Bits that differ; of ``bits``.
        job_id: Of the tenant's own results: which job; ``index``: which of its artifacts.
    """

    match: Literal["exact", "near", "none"]
    made_by: Literal["genq"] | None
    system: str | None
    made_at: str | None
    media_type: str | None
    distance: int | None
    bits: int | None
    job_id: str | None
    index: int | None


class VerificationView(Shape):
    """The answer of ``POST /v1/verify``.

    Attributes:
        ai_generated: ``true`` if a manifest that is valid, XMP, or the registry says so;
            ``null`` where nothing says anything, which does not mean that a person made it.
    """

    object: Literal["verification"]
    ai_generated: bool | None
    media_type: str | None
    sha256: str | None
    c2pa: CredentialsView
    xmp: bool
    registry: RegistryView


class VerifyRequest(Shape):
    """The JSON body of ``POST /v1/verify``, where no file is sent: one of the two."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str | None = None
    text: str | None = None
