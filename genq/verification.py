"""Where does it come from? ``client.verify`` of ``Genq`` and ``AsyncGenq``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from genq.calls import Call, Exchange, found_in, json_bytes
from genq.errors import ConfigurationError
from genq.json_fields import Fields
from genq.models import Json

_PATH: Final = "/v1/verify"
_PICTURE: Final = {"content-type": "application/octet-stream"}
_JSON: Final = {"content-type": "application/json"}
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What Content Credentials (C2PA) inside of a file say.

    Attributes:
        state: ``valid``, ``none``, or ``invalid``: the file was changed, or was not signed so.
        trusted: The signer's certificate leads to a root that the server trusts.
        own: The server itself signed it.
        signer: Who signed, as the certificate says.
        claims: What it says: ``provider``, ``system``, ``made_at``, ``unique_id``…
        problems: Codes of what is wrong.
    """

    state: str
    trusted: bool
    own: bool
    signer: str | None
    claims: Mapping[str, object]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Registered:
    """Whether the server made it.

    Attributes:
        match: ``exact`` (the very bytes), ``near`` (it looks or reads like it), ``none``.
        distance: Bits that differ, of ``bits``.
        job_id: Which job of yours made it; ``None`` of others' results.
        index: Which of the job's artifacts; -1 is its text.
    """

    match: str
    system: str | None = None
    made_at: datetime | None = None
    distance: int | None = None
    bits: int | None = None
    job_id: str | None = None
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """What is known of a picture or a text; ``raw`` is the answer as it came.

    Attributes:
        ai_generated: ``True`` where anything says so; ``None`` where nothing says anything,
            which does not mean that a person made it.
        xmp: The file's XMP says that a trained model made it.
    """

    ai_generated: bool | None
    media_type: str | None
    sha256: str | None
    c2pa: Credentials
    xmp: bool
    registry: Registered
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


def verifying(
    file: bytes | str | Path | None, *, sha256: str | None, text: str | None
) -> Exchange[Verification]:
    """Ask; arguments are those of ``Genq.verify``."""
    given = [one for one in (file, sha256, text) if one is not None]
    if len(given) != 1:
        raise ConfigurationError("give one of the three: a file, its sha256, or a text")
    if file is not None:
        data = file if isinstance(file, bytes) else Path(file).read_bytes()
        call = Call("POST", _PATH, headers=_PICTURE, body=data, repeatable=True)
    else:
        if sha256 is not None and _SHA256.fullmatch(sha256) is None:
            raise ConfigurationError("sha256 must be 64 hexadecimal digits")
        body = json_bytes({"sha256": sha256, "text": text}, "the question")
        call = Call("POST", _PATH, headers=_JSON, body=body, repeatable=True)
    return _read(found_in((yield call)))


def _read(found: object) -> Verification:
    fields = Fields(found, "verification")
    ai_generated = fields.found.get("ai_generated")
    return Verification(
        ai_generated=ai_generated if isinstance(ai_generated, bool) else None,
        media_type=fields.maybe_text("media_type"),
        sha256=fields.maybe_text("sha256"),
        c2pa=_credentials(Fields(fields.found.get("c2pa"), "c2pa")),
        xmp=fields.found.get("xmp") is True,
        registry=_registered(Fields(fields.found.get("registry"), "registry")),
        raw=fields.found,
    )


def _credentials(fields: Fields) -> Credentials:
    signer, claims = fields.part("signer"), fields.part("claims")
    names = (signer.maybe_text("common_name"), signer.maybe_text("issuer")) if signer else ()
    return Credentials(
        state=fields.text("state"),
        trusted=fields.found.get("trusted") is True,
        own=signer is not None and signer.found.get("own") is True,
        signer=", ".join(name for name in names if name) or None,
        claims=claims.found if claims else {},
        problems=fields.texts("problems"),
    )


def _registered(fields: Fields) -> Registered:
    return Registered(
        match=fields.text("match"),
        system=fields.maybe_text("system"),
        made_at=fields.maybe_moment("made_at"),
        distance=fields.maybe_number("distance"),
        bits=fields.maybe_number("bits"),
        job_id=fields.maybe_text("job_id"),
        index=fields.maybe_number("index"),
    )
