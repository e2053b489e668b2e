"""``/chat/link`` and ``/chat/gallery``: the web pages that a bot's private links lead to.

Who has the link may use it; no key is needed to look. Whatever is wrong with a link gets the
same page: it tells nothing to who did not get it from the bot.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from infra.audit_actor import acting_as
from infra.postgres.chat_gallery import GalleryJob, gallery_is_open, gallery_page
from infra.postgres.chat_links import ChatLink, count_try, read_link, take_link
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.tenants import Caller
from producer.api.auth import require
from producer.api.bodies import read_body
from producer.api.problems import MEANINGS
from producer.api.services import Services
from producer.chat import pages
from producer.chat.binding_desk import Bound, bind, exact_binding
from producer.chat.page_links import PageLinks
from producer.openai.links import ArtifactLinks
from schemas.chat import Platform
from schemas.chat_binding import ChatBinding, ChatRules
from schemas.errors import GenqError, NotFoundError, UnauthenticatedError
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.permission_errors import PermissionDeniedError, TenantSuspendedError
from schemas.picture_words import users_words
from schemas.scopes import KeyScope

PICTURES_A_PAGE: Final = 60

_HTML: Final = "text/html; charset=utf-8"
# A key, in percent signs if need be.
_FORM_BYTES: Final = 4_096
_TOO_LATE: Final = (
    "This link does not work",
    "It was used, its time is over, or it is not whole. Ask the bot for another one: /link",
)
_NO_GALLERY: Final = (
    "This link does not work",
    "Its day is over, or it is not whole. Ask the bot for another one: /gallery",
)
_FAULT: Final = ("That did not work", "The server could not do it just now. Try again soon.")
_WRONG: Final = (
    "This key was not accepted. It must be an API key of this server, neither revoked nor "
    "expired, that may submit jobs (the scope jobs:write), of an account that is not suspended."
)
_MOST_FIELDS: Final = 8
_NO_KEY: Final = "Give the API key."

Page = Callable[[Services, Request], Awaitable[Response]]


async def show_link(services: Services, request: Request) -> Response:
    """Answer with the page that says what a link binds, and asks for a key."""
    return await _page(_show_link, services, request)


async def use_link(services: Services, request: Request) -> Response:
    """Bind what a link binds to the tenant of the key in the form."""
    return await _page(_use_link, services, request)


async def show_gallery(services: Services, request: Request) -> Response:
    """Answer with a page of the pictures that somebody made by chat."""
    return await _page(_show_gallery, services, request)


async def _page(page: Page, services: Services, request: Request) -> Response:
    try:
        return await page(services, request)
    except ClientDisconnect:
        raise
    except GenqError as error:
        # Its words are for programs, and could tell more than the link's holder may know.
        return _html(pages.dead_page(*_FAULT), MEANINGS[error.code].status)


async def _show_link(services: Services, request: Request) -> Response:
    return await _form(services, page_links(services).digest(_token(request)), 200)


async def _use_link(services: Services, request: Request) -> Response:
    digest = page_links(services).digest(_token(request))
    key = await _key(request)
    if not key:
        return await _form(services, digest, 400, _NO_KEY)
    async with transaction(services.engine) as connection:
        link = await count_try(connection, digest)
    if link is None:
        return _html(pages.dead_page(*_TOO_LATE), 404)
    try:
        caller = await services.keys.caller_of(f"Bearer {key}")
        require(caller, KeyScope.JOBS_WRITE)
    except (UnauthenticatedError, PermissionDeniedError, TenantSuspendedError):
        return await _form(services, digest, 403, _WRONG)
    if not await _bound(services, digest, caller):
        return _html(pages.dead_page(*_TOO_LATE), 404)
    return _html(pages.linked_page(_asked(link), caller.tenant.name), 200)


async def _bound(services: Services, digest: bytes, caller: Caller) -> bool:
    """Use the link up, and bind: both or neither."""

    def rules(before: ChatBinding | None) -> ChatRules:
        # An operator's rules stay as long as the tenant does.
        kept = before is not None and before.tenant_id == caller.tenant.id
        return before.rules if before is not None and kept else ChatRules()

    async with transaction(whole_transactions(services.engine)) as connection:
        taken = await take_link(connection, digest)
        if taken is None:
            return False
        with acting_as(caller.actor):
            await bind(connection, _bound_by(taken), caller.tenant.id, rules)
    return True


async def _form(
    services: Services, digest: bytes, status: int, wrong: str | None = None
) -> Response:
    async with transaction(services.engine) as connection:
        link = await read_link(connection, digest)
        if link is None:
            return _html(pages.dead_page(*_TOO_LATE), 404)
        linked = await exact_binding(connection, _bound_by(link)) is not None
    return _html(pages.link_page(_asked(link, linked=linked), wrong=wrong), status)


async def _key(request: Request) -> str:
    body = await read_body(request, _FORM_BYTES)
    try:
        fields = parse_qs(body.decode("ascii", "replace"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        # The page's own form has one field.
        return ""
    return fields.get("key", [""])[0].strip()


async def _show_gallery(services: Services, request: Request) -> Response:
    granted = page_links(services).read_gallery(_token(request))
    if granted is None:
        return _html(pages.dead_page(*_NO_GALLERY), 404)
    grant, left = granted
    platform, _, user_id = grant.end_user.partition(":")
    before = _before(request)
    async with transaction(services.engine) as connection:
        if not await gallery_is_open(connection, grant.tenant_id):
            return _html(pages.dead_page(*_NO_GALLERY), 404)
        found = await gallery_page(
            connection,
            grant.tenant_id,
            Platform(platform),
            user_id,
            before=before,
            # One more than can be shown tells whether there is a next page.
            limit=PICTURES_A_PAGE + 1,
        )
    there = _fitting(found)
    path = request.scope["path"]
    more = len(there) < len(found)
    body = pages.gallery_page(
        _shown(services, there, left),
        ends=services.clock.now() + left,
        older=f"{path}?{urlencode({'before': there[-1].message_id.hex})}" if more else "",
        newest=path if before is not None else "",
    )
    return _html(body, 200, await _origins(services, there))


def page_links(services: Services) -> PageLinks:
    """Return what makes and reads the links of pages."""
    pepper = services.settings.key_pepper.get_secret_value()
    return PageLinks(pepper, services.public_url, services.clock)


def _fitting(found: Sequence[GalleryJob]) -> Sequence[GalleryJob]:
    """Return as many jobs as fit on a page with all their pictures, one at least."""
    room = PICTURES_A_PAGE
    for place, one in enumerate(found):
        room -= len(_pictures(one.job))
        if (room < 0 and place > 0) or place == PICTURES_A_PAGE:
            return found[:place]
    return found


def _pictures(job: JobRecord) -> list[int]:
    if job.output_erased:
        return []
    return [one.index for one in job.artifacts if one.content_type.startswith("image/")]


def _shown(
    services: Services, found: Sequence[GalleryJob], left: timedelta
) -> list[pages.Shown]:
    pepper = services.settings.key_pepper.get_secret_value()
    # As long as the page itself: what is further down is fetched when somebody scrolls there.
    links = ArtifactLinks(pepper, services.public_url, services.clock, life=left)
    return [
        pages.Shown(
            url=links.artifact_link(job.tenant_id, job.id, artifact.index),
            prompt=None if job.input_erased else job.typed or users_words(job.input),
            title=one.title,
            mode=job.lane.value,
            at=job.finished_at or job.created_at,
            job_id=format_id("job", job.id),
            width=artifact.width,
            height=artifact.height,
        )
        for one in found
        for job in (one.job,)
        for artifact in job.artifacts
        if artifact.index in _pictures(job)
    ]


async def _origins(services: Services, found: Sequence[GalleryJob]) -> Sequence[str]:
    """Return where the pictures come from: the API, and the store that it redirects to."""
    places = [services.public_url]
    for one in found:
        for artifact in one.job.artifacts[:1]:
            stored = await services.store.presign(
                artifact.key, filename="picture", content_type=artifact.content_type
            )
            places += [] if stored is None else [stored]
            return sorted({"{0.scheme}://{0.netloc}".format(urlsplit(at)) for at in places})
    return ()


def _before(request: Request) -> UUID | None:
    asked = request.query_params.get("before")
    try:
        return None if asked is None else UUID(hex=asked)
    except ValueError:
        raise NotFoundError("no such page") from None


def _token(request: Request) -> str:
    return request.path_params["token"]


def _asked(link: ChatLink, *, linked: bool = False) -> pages.LinkAsked:
    return pages.LinkAsked(link.platform, link.place_id, link.user_id, linked)


def _bound_by(link: ChatLink) -> Bound:
    # Of a place the user says who may bind it, and not whom.
    return Bound(link.platform, link.place_id, "" if link.place_id else link.user_id)


def _html(body: bytes, status: int, pictures_from: Sequence[str] = ()) -> Response:
    return Response(body, status, pages.headers(pictures_from), _HTML)
