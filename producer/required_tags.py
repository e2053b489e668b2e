"""Whether any model server may be given a job that insists on tags."""

from infra.postgres.tenants import Tenant
from infra.route_book import RouteBook
from schemas.errors import FieldError
from schemas.job import JobRequest
from schemas.route_errors import NoPermittedServerError
from schemas.routes import Failing, permits


class TagRules:
    """Refuses at once what could run nowhere; the worker holds the rule at every call.

    Args:
        book: Who carries which tags.
    """

    def __init__(self, book: RouteBook) -> None:
        self._book = book

    async def check(self, tenant: Tenant, request: JobRequest, model: str) -> None:
        """Refuse a job that no configured server may be given, as things are now.

        Most jobs insist on nothing, and nothing is asked for them.

        Raises:
            NoPermittedServerError: Says which tags.
        """
        own = request.requires.tags if request.requires is not None else ()
        if not own and not tenant.required_tags:
            return
        tags = {*own, *tenant.required_tags}
        routes = await self._book.fresh()
        settled, route = routes.settled(model, request.kind), routes.of(model)
        # The worker goes on to these where no server of the model itself may be given the job.
        names = (model, *route.stand_ins(Failing.SERVER_ERROR, settled))
        if not routes.unread.isdisjoint(names):
            # Who carries what is not known yet: the job waits at the worker until it is.
            return
        for name in names:
            if any(permits(member, tags) for member in routes.members(name, request.kind)):
                return
        message = (
            f"no model server of {model} carries {', '.join(sorted(tags))}: leave out what is "
            "not needed, or ask an operator to tag a server in the model's route"
        )
        pointer = "/requires/tags" if own else "/model"
        raise NoPermittedServerError(message, fields=[FieldError(pointer, message)])
