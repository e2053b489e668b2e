"""Can this installation sign what its models make, and for how long?"""

import asyncio
import struct
import zlib
from datetime import datetime, timedelta
from typing import Final

from infra.provenance.certificates import SigningIdentity
from infra.provenance.credentials import Credentials, CredentialsError
from infra.provenance.manifests import Facts, definition
from infra.provenance.opening import open_credentials
from producer.doctor.finding import Finding, fine, warning, wrong
from producer.doctor.subject import Subject

_CHECK: Final = "provenance"
_SOON: Final = timedelta(days=30)
_TRIAL: Final = "job_trial.0"
_OWN: Final = "GENQ_C2PA_CERTIFICATE_FILE and GENQ_C2PA_KEY_FILE"


async def look_at_provenance(subject: Subject) -> list[Finding]:
    """Sign a picture, read it again, and look at the certificate."""
    settings = subject.settings
    if not settings.provenance:
        return [fine(_CHECK, "results are not marked (GENQ_PROVENANCE=false)")]
    credentials = open_credentials(settings)
    now = subject.clock.now()
    found = _expiry(credentials.identity, now)
    if found is None or not found.level.is_wrong:
        problem = await asyncio.to_thread(_try, credentials, now)
        if problem is not None:
            found = wrong(
                _CHECK,
                f"pictures cannot be signed: {problem}",
                "they are handed out without a manifest",
                f"are {_OWN} those of a C2PA claim signer?",
            )
    if found is not None:
        return [found]
    who = credentials.identity
    if who.development and settings.production:
        return [
            warning(
                _CHECK,
                "a development certificate signs pictures",
                "nobody outside of this installation trusts what it says",
                f"set {_OWN}, of an authority on the C2PA trust list",
            )
        ]
    kind = "a development certificate" if who.development else who.subject
    return [fine(_CHECK, f"{kind} signs pictures until {who.expires_at:%Y-%m-%d}")]
