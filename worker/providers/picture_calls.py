"""Pictures: made of words, or of words and other pictures."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import JsonValue

from schemas.claim import Claim
from schemas.generation import Kind
from schemas.model_catalog import ModelServer
from worker.progress import LiveNews
from worker.providers.answers import ImageAnswer, ImageItem, storable_text, usage_of
from worker.providers.downloads import PictureDownloads
from worker.providers.picture import Picture, given_picture, read_picture
from worker.providers.preview import preview_of
from worker.providers.provider import Reply
from worker.providers.request_body import parameters_of
from worker.providers.seeds import told_seed
from worker.providers.server_calls import Form, FormFile, ServerCalls
from worker.providers.streamed import PARTIAL_IMAGES, Read, partial_images_to
from worker.together import together

_IMAGES: Final = "/images/generations"
_EDITS: Final = "/images/edits"
_STREAM: Final[Mapping[str, Any]] = {"stream": True, "partial_images": PARTIAL_IMAGES}


class PictureCalls:
    """Asks one model server for pictures."""

    def __init__(
        self,
        calls: ServerCalls,
        server: ModelServer,
        downloads: PictureDownloads,
        news: LiveNews | None = None,
    ) -> None:
        self._calls = calls
        self._server = server
        self._downloads = downloads
        self._news = news

    async def generate(self, claim: Claim, *, streamed: bool) -> Reply:
        """Return the pictures that a claim of either kind asks for.

        Args:
            claim: The attempt.
            streamed: Whether the server shows partial pictures before one that is whole.

        Raises:
            GenqError: See ``Provider.generate``.
        """
        answer = await self._ask(claim, streamed=streamed)
        # Some servers add a contact sheet behind the pictures that were asked for.
        items = answer.data[: claim.input.get("n", 1)]
        pictures = await self._pictures(items)
        details: dict[str, JsonValue] = {}
        if any(item.revised_prompt for item in items):
            details["revised_prompts"] = [storable_text(i.revised_prompt or "") for i in items]
        seed = told_seed({"seed": answer.seed}, answer.genq)
        if seed is not None:
            details["seed"] = seed
        usage = usage_of(answer.usage, images=len(pictures))
        return Reply(pictures=pictures, usage=usage, details=details)

    async def _ask(self, claim: Claim, *, streamed: bool) -> ImageAnswer:
        path = _EDITS if claim.kind is Kind.IMAGE_EDIT else _IMAGES
        news = self._news
        # OpenAI's API streams one picture at a time.
        if news is None or not streamed or claim.input.get("n", 1) != 1:
            return await self._calls.ask(path, claim, ImageAnswer, form=_form(claim))
        read = self._partial_to(news, claim)
        form = _form(claim, _STREAM)
        return await self._calls.ask_streamed(path, claim, read, more=_STREAM, form=form)

    def _partial_to(self, news: LiveNews, claim: Claim) -> Read[ImageAnswer]:
        async def partial(index: int, data: bytes) -> None:
            watched = news.is_watched(claim)
            small = await preview_of(data, server=self._server.name) if watched else None
            # The picture itself is the last step.
            news.progressed(claim, step=index + 1, steps=PARTIAL_IMAGES + 1, preview=small)

        return partial_images_to(partial)

    async def _pictures(self, items: Sequence[ImageItem]) -> tuple[Picture, ...]:
        if not items:
            raise self._calls.bad_answer("without a picture")
        if any(item.b64_json is None for item in items):
            return await together([self._fetched(item) for item in items])
        return tuple(self._picture(item.b64_json or b"") for item in items)

    async def _fetched(self, item: ImageItem) -> Picture:
        if item.b64_json is not None:
            return self._picture(item.b64_json)
        if item.url is None:
            raise self._calls.bad_answer("with a picture that has neither bytes nor a link")
        return self._picture(await self._downloads.get(item.url, server=self._server))

    def _picture(self, data: bytes) -> Picture:
        return read_picture(data, server=self._server.name)


def _form(claim: Claim, more: Mapping[str, Any] | None = None) -> Form | None:
    """Return the form of an edit; what makes a picture of words alone is plain JSON."""
    if claim.kind is not Kind.IMAGE_EDIT:
        return None
    parameters = parameters_of(claim, more)
    images: list[str] = parameters.pop("images")
    mask: str | None = parameters.pop("mask", None)
    # Servers that know one picture only know it by this name.
    name = "image" if len(images) == 1 else "image[]"
    files = [_file(name, f"image-{n}", image, f"images/{n}") for n, image in enumerate(images)]
    if mask is not None:
        files.append(_file("mask", "mask", mask, "mask"))
    return Form(parameters, files)


def _file(name: str, stem: str, given: str, place: str) -> FormFile:
    picture = given_picture(given, place)
    extension = picture.content_type.partition("/")[2]
    return FormFile(name, f"{stem}.{extension}", picture.content_type, picture.data)
