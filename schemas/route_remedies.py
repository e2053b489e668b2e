"""What to do about errors of routes, by their code: a part of ``schemas.error_remedies``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ROUTE_REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "invalid_route": (
            "errors[] names each fault by its JSON pointer. A route may only name servers and "
            "models of the settings (genq route show MODEL)."
        ),
        "no_capable_server": (
            "Ask for less, as the message says, or name another model. An operator says what "
            "servers can do in the model's route (capabilities)."
        ),
        "no_permitted_server": (
            "The job, or its tenant's plan, insists on tags that no server of the model "
            "carries. An operator tags servers in the settings or in the model's route."
        ),
        "route_changed": (
            "Look at the route again (GET /v1/routes/{model}) and repeat the change with its "
            "new ETag."
        ),
    }
)
