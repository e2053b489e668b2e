"""The bots' web pages as the OpenAPI document tells of them."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from producer.api.chat_pages import show_gallery, show_link, use_link
from producer.api.document import answer, parameter
from producer.api.operations import Answers, Operation
from producer.api.services import Services

_Page = Callable[[Services, Request], Coroutine[Any, Any, Response]]

_TOKEN: Final = parameter("path", "token", "Of the link.", maxLength=800)
_HTML: Final = "text/html"


def _page(description: str) -> dict[str, Any]:
    return answer(description, None, media_type=_HTML)


_AWAY: Final[Answers] = {
    500: _page("A fault of genq."),
    503: _page("A server that genq needs is away."),
}
_SHOWN: Final[Answers] = {200: _page("The page.")}
_GONE: Final[Answers] = {404: _page("The link is unknown, used up, or its time is over.")}

_USED: Final[Answers] = {
    200: _page("It is bound."),
    400: _page("No key was given."),
    403: _page("The key was not accepted."),
    413: _page("That is no key."),
}

SHOW_CHAT_LINK: Final = Operation(
    name="show_chat_link",
    path="/chat/link/{token}",
    tag="chat",
    summary="See what a bot's link binds",
    description="A web page, to which /link leads once, for 15 minutes: what will be linked, "
    "and a form for an API key.",
    parameters=[_TOKEN],
    answers=_SHOWN | _GONE | _AWAY,
)
USE_CHAT_LINK: Final = Operation(
    name="use_chat_link",
    method="POST",
    path="/chat/link/{token}",
    tag="chat",
    summary="Bind a place or a person to a tenant",
    description="What the form of that page sends. The key must be allowed to submit jobs; "
    "five wrong ones end the link.",
    parameters=[_TOKEN],
    fields="ChatLinkForm",
    answers=_USED | _GONE | _AWAY,
)
SHOW_CHAT_GALLERY: Final = Operation(
    name="show_chat_gallery",
    path="/chat/gallery/{token}",
    tag="chat",
    summary="Look at what somebody made by chat",
    description="A web page, to which /gallery leads for a day: one's finished pictures, "
    "newest first, 60 a page.",
    parameters=[
        _TOKEN,
        parameter("query", "before", "Of the link to older ones.", pattern="^[0-9a-f]{32}$"),
    ],
    answers=_SHOWN | _GONE | _AWAY,
)

CHAT_PAGES: Final[tuple[tuple[Operation, _Page], ...]] = (
    (SHOW_CHAT_LINK, show_link),
    (USE_CHAT_LINK, use_link),
    (SHOW_CHAT_GALLERY, show_gallery),
)
