"""What can go wrong with routes: a branch of the error tree."""

from schemas.errors import InputError


class InvalidRouteError(InputError):
    """The document of a route is none, or names what the settings do not have."""

    code = "invalid_route"


class RouteConflictError(InputError):
    """Somebody else changed the route since it was looked at."""

    code = "route_changed"


class NoPermittedServerError(InputError):
    """No model server carries the tags that the job, or its tenant, insists on."""

    code = "no_permitted_server"


class NoCapableServerError(InputError):
    """No model server can do what the job asks for."""

    code = "no_capable_server"
