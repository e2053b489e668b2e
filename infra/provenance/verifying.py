"""Reads out of a file what it says of where it comes from, and how it looks."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from infra.provenance.credentials import (
    Credentials,
    CredentialsError,
    Found,
    may_have_manifest,
)
from infra.provenance.manifests import ASSERTION
from infra.provenance.xmp import says_ai
from infra.safety.fingerprints import Looks, looks_of
from infra.safety.pictures import (
    IMAGE_DAMAGED,
    PictureLimits,
    PictureRefusedError,
    look_at,
    media_type_of,
)
from schemas.provenance import AI_SOURCE

_UNTRUSTED: Final = "signingCredential.untrusted"
# A reader names what a manifest brings along by these.
_ACTIONS: Final = "c2pa.actions"
_SOURCE: Final = "digitalSourceType"
_LONGEST: Final = 1_000


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file is and says.

    Attributes:
        media_type: By its bytes.
        sha256: 32 bytes.
        looks: For the registry; ``None`` of a damaged file.
        found: What its manifest says, if it has one.
        broken: It has one that nobody can read.
        own: This installation's certificate signed it.
        xmp: Its XMP says that a trained model made it.
    """

    media_type: str
    sha256: bytes
    looks: Looks | None
    found: Found | None
    broken: bool
    own: bool
    xmp: bool


def read_facts(data: bytes, credentials: Credentials, limits: PictureLimits) -> FileFacts:
    """Return what a picture is and says; takes up to a second of one processor.

    Raises:
        PictureRefusedError: It is no PNG, JPEG or WebP file, too large, or damaged without a
            manifest that tells of it.
    """
    looks: Looks | None = None
    try:
        seen = look_at(data, limits)
        media_type, looks = seen.media_type, looks_of(seen.squares[0])
    except PictureRefusedError as refusal:
        media_type = media_type_of(data)
        if refusal.rule != IMAGE_DAMAGED or not may_have_manifest(data) or not media_type:
            raise
        # What it says of itself tells whether somebody changed it.
    try:
        found, broken = credentials.read(data, media_type), False
    except CredentialsError:
        found, broken = None, True
    serial = signature_of(found).get("cert_serial_number")
    return FileFacts(
        media_type=media_type,
        sha256=hashlib.sha256(data).digest(),
        looks=looks,
        found=found,
        broken=broken,
        own=serial == credentials.identity.serial,
        xmp=says_ai(data),
    )


def credentials_view(facts: FileFacts) -> dict[str, Any]:
    """Return the JSON form: exactly the fields of ``CredentialsView``."""
    found = facts.found
    if found is None:
        return {
            "state": "invalid" if facts.broken else "none",
            "trusted": False,
            "signer": None,
            "claims": None,
            "problems": ["manifest.unreadable"] if facts.broken else [],
        }
    signature = signature_of(found)
    return {
        "state": "invalid" if found.state == "Invalid" else "valid",
        "trusted": found.state == "Trusted",
        "signer": {
            "issuer": signature.get("issuer"),
            "common_name": signature.get("common_name"),
            "serial": signature.get("cert_serial_number"),
            "own": facts.own,
        },
        "claims": _claims(found),
        "problems": [one for one in found.problems if one != _UNTRUSTED],
    }


def signed_as_ai(facts: FileFacts) -> bool:
    """Tell whether a manifest that holds says that a trained model made the file."""
    if facts.found is None or facts.found.state == "Invalid":
        return False
    return any(one.get(_SOURCE) == AI_SOURCE for one in _actions(facts.found))


def signature_of(found: Found | None) -> Mapping[str, Any]:
    """Return what a manifest's signature says of its signer."""
    return _members(found.active.get("signature_info")) if found else {}


def _claims(found: Found) -> dict[str, Any]:
    # Strangers write manifests: every value may be anything.
    own = _assertion(found, ASSERTION)
    actions = _actions(found)
    sources = [one[_SOURCE] for one in actions if _SOURCE in one]
    generators = _items(found.active.get("claim_generator_info"))
    written = found.active.get("claim_generator")
    return {
        "id": found.active_id,
        "title": _text(found.active.get("title")),
        "generator": (_words(generators[0]) if generators else None) or _text(written),
        "digital_source_type": _text(sources[0]) if sources else None,
        "made_at": _text(own.get("made_at") or (actions[0].get("when") if actions else None)),
        "provider": _text(own.get("provider")),
        "system": _text(own.get("system")),
        "system_version": _text(own.get("system_version")),
        "unique_id": _text(own.get("unique_id")),
        "ingredients": len(_items(found.active.get("ingredients"))),
    }


def _words(generator: Mapping[str, Any]) -> str | None:
    told = [str(generator[name]) for name in ("name", "version") if generator.get(name)]
    return " ".join(told) or None


def _actions(found: Found) -> Sequence[Mapping[str, Any]]:
    return [
        action
        for one in _items(found.active.get("assertions"))
        if str(one.get("label", "")).startswith(_ACTIONS)
        for action in _items(_members(one.get("data")).get("actions"))
    ]


def _assertion(found: Found, label: str) -> Mapping[str, Any]:
    for one in _items(found.active.get("assertions")):
        if one.get("label") == label:
            return _members(one.get("data"))
    return _members(None)


def _items(value: object) -> list[Mapping[str, Any]]:
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [members for item in items if (members := _members(item))]


def _members(value: object) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) else None
