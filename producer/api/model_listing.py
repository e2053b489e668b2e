"""The routes of models: which there are for a tenant."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.bodies import encode
from producer.api.services import Services
from producer.openai.models import models_of
from schemas.errors import FieldError, UnknownModelError

_JSON: Final = "application/json"
_SHOWN: Final = 128


async def list_models(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with every model that the tenant may name."""
    del request
    body = {"object": "list", "data": _models(services, tenant)}
    return Response(encode(body), 200, None, _JSON)


async def show_model(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one model.

    Raises:
        UnknownModelError: There is none of this name that the tenant may use.
    """
    name: str = request.path_params["model"]
    known = {model["id"]: model for model in _models(services, tenant)}
    if name not in known:
        there = ", ".join(known) or "none"
        message = f"there is no model {name[:_SHOWN]!r}; there is {there}"
        raise UnknownModelError(message, fields=[FieldError("/model", message)])
    return Response(encode(known[name]), 200, None, _JSON)


def _models(services: Services, tenant: Tenant) -> list[dict[str, Any]]:
    return models_of(
        services.settings.model_servers,
        models=tenant.allowed_models,
        kinds=tenant.allowed_kinds,
    )
