"""Can this installation sign what its models make, and for how long?"""

import asyncio
import struct
import zlib
from datetime import datetime, timedelta
from typing import Final

from infra.provenance.certificates import SigningIdentity, identity_of
from infra.provenance.credentials import Credentials, CredentialsError
from infra.provenance.manifests import Facts, definition
from producer.doctor.finding import Finding, fine, warning, wrong
from producer.doctor.subject import Subject

_CHECK: Final = "provenance"
_SOON: Final = timedelta(days=30)
_OWN: Final = "GENQ_C2PA_CERTIFICATE_FILE and GENQ_C2PA_KEY_FILE"
_LOST: Final = "pictures are handed out without a manifest"


async def look_at_provenance(subject: Subject) -> list[Finding]:
    """Look at the certificate, sign a picture, and read it again."""
    settings, now = subject.settings, subject.clock.now()
    if not settings.provenance:
        return [fine(_CHECK, "results are not marked (GENQ_PROVENANCE=false)")]
    identity = identity_of(settings)
    fault = _over(identity, now) or await asyncio.to_thread(_try, identity, now)
    if fault is not None:
        return [fault]
    until = f"{identity.expires_at:%Y-%m-%d}"
    if identity.expires_at - now < _SOON:
        what = f"the certificate that signs pictures ends on {until}"
        return [warning(_CHECK, what, f"after that, {_LOST}", f"renew {_OWN}")]
    if identity.development and settings.production:
        what = "a development certificate signs pictures"
        why = "nobody outside of this installation trusts what it says"
        action = f"set {_OWN}, of an authority on the C2PA trust list"
        return [warning(_CHECK, what, why, action)]
    who = "a development certificate" if identity.development else identity.subject
    return [fine(_CHECK, f"{who} signs pictures, until {until}")]


def _over(identity: SigningIdentity, now: datetime) -> Finding | None:
    if now < identity.expires_at:
        return None
    what = f"the certificate that signs pictures ended on {identity.expires_at:%Y-%m-%d}"
    return wrong(_CHECK, what, _LOST, f"renew {_OWN}")


def _try(identity: SigningIdentity, now: datetime) -> Finding | None:
    credentials = Credentials(identity)
    facts = Facts("genq", "0", "none", now, "trial")
    try:
        signed = credentials.sign(
            _dot(), "image/png", definition(facts, parent=False, ingredients=0)
        )
        found = credentials.read(signed.data, "image/png")
    except CredentialsError as error:
        return _cannot(str(error)[:200])
    if found is None or found.state == "Invalid":
        return _cannot(", ".join(found.problems) if found else "no manifest was written")
    return None


def _cannot(why: str) -> Finding:
    what = f"a picture could not be signed so that it is valid: {why}"
    return wrong(_CHECK, what, _LOST, f"are {_OWN} those of a C2PA claim signer?")


def _dot() -> bytes:
    """Return a PNG file of one pixel."""

    def chunk(name: bytes, body: bytes) -> bytes:
        told = name + body
        return struct.pack(">I", len(body)) + told + struct.pack(">I", zlib.crc32(told))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
