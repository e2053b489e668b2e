"""The public keys of an endpoint, for whoever verifies: no API key is needed."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.webhook_secrets import public_keys
from producer.api.bodies import encode
from producer.api.services import Services
from producer.api.webhook_paths import named_in_path
from schemas.errors import NotFoundError
from schemas.ids import format_id
from schemas.webhook_json import jwk_view

# A new key signs beside the former one, so that nobody has to know it at once.
_HEADERS: Final = {
    "cache-control": "public, max-age=300",
    "access-control-allow-origin": "*",
}


async def show_jwks(services: Services, request: Request) -> Response:
    """Answer with the keys that verify an endpoint's v1a signatures now."""
    endpoint_id = named_in_path(request, "endpoint_id", "whe")
    async with transaction(whole_transactions(services.engine)) as connection:
        keys = await public_keys(connection, endpoint_id)
    if keys is None:
        raise NotFoundError(f"there is no webhook endpoint {format_id('whe', endpoint_id)}")
    view = {"keys": [jwk_view(key) for key in keys]}
    return Response(encode(view), 200, _HEADERS, "application/jwk-set+json")
