"""``POST /v1/verify``: where does a picture, or a text, come from?"""

import re
from datetime import timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_json
from producer.api.call_rate import count_verification
from producer.api.keyset import PRIVATE
from producer.api.services import Services
from producer.api.uploads import read_file, sends_file
from schemas.admission_errors import CallRateError
from schemas.errors import FieldError, InputError
from schemas.policy_limits import Limits
from schemas.provenance import VerifyRequest

LARGEST: Final = int(Limits().image_mb * 1_000_000)
"""Bytes of a picture."""
FORM: Final = 4_096
"""Bytes that a form adds."""
_LATER: Final = timedelta(seconds=5)
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")


async def verify(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with what is known of a file, a digest or a text.

    Raises:
        InputError: It is nothing that can be looked at.
        CallRateError: The tenant asked too often of late.
    """
    await count_verification(services.calls, tenant, request)
    try:
        found = await _found(services, tenant, request)
    except TimeoutError:
        raise CallRateError(
            "too many pictures are being looked at; ask again in some seconds",
            retry_after=_LATER,
        ) from None
    return Response(encode(found), 200, PRIVATE, "application/json")


async def _found(services: Services, tenant: Tenant, request: Request) -> dict[str, Any]:
    verifier = services.verifier
    if sends_file(request):
        data = await read_file(request, LARGEST + FORM)
        return await verifier.of_file(data, tenant_id=tenant.id)
    asked = check(VerifyRequest, await read_json(request, services.settings.max_body_bytes))
    if (asked.sha256 is None) == (asked.text is None):
        fault = FieldError("", "give sha256 or text, one of the two; or send a file")
        raise InputError("nothing to look for", fields=[fault])
    if asked.text is not None:
        return await verifier.of_text(asked.text, tenant_id=tenant.id)
    digest = asked.sha256 or ""
    if _SHA256.fullmatch(digest) is None:
        fault = FieldError("/sha256", "must be 64 hexadecimal digits")
        raise InputError("the digest is not acceptable", fields=[fault])
    return await verifier.of_digest(bytes.fromhex(digest), tenant_id=tenant.id)
