"""A prediction of the simulator's Cog server: what it is asked, and how it goes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from infra.simulator.edits import edit_of
from infra.simulator.gallery import Gallery
from infra.simulator.images import ordered
from infra.simulator.refusal import bad_value, unreadable
from infra.simulator.seeing import data_in
from infra.simulator.wire import LARGEST_SIDE, SMALLEST_SIDE, Body, ImageBody

STEPS: Final = 8
MOST_OUTPUTS: Final = 4
WITHHELD: Final = "Prediction failed: RuntimeError: NSFW content detected in all outputs"

_MODEL: Final = "sim-image-1"
_DEFAULT_SIDE: Final = 512
_Side = Annotated[int, Field(ge=SMALLEST_SIDE, le=LARGEST_SIDE)]


class CogInput(Body):
    """The inputs that this model says it has."""

    prompt: Annotated[str, Field(min_length=1, max_length=32_000)]
    negative_prompt: str | None = Field(None, description="Taken; it changes nothing.")
    image: str | None = Field(None, description="A picture to edit, as a data URL.")
    mask: str | None = Field(None, description="What is clear in it is edited.")
    width: _Side | None = None
    height: _Side | None = None
    num_outputs: Annotated[int, Field(ge=1, le=MOST_OUTPUTS)] = 1
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    output_format: Literal["png", "jpg", "jpeg", "webp"] = "png"


class CogRequest(Body):
    """The body of a prediction."""

    input: CogInput


def picture_body(asked: CogInput) -> ImageBody:
    """Return the same wish as OpenAI's routes have it.

    Raises:
        RefusalError: A picture is none, or is behind a link.
    """
    chosen = asked.output_format
    fields: dict[str, Any] = {
        "model": _MODEL,
        "prompt": asked.prompt,
        "n": asked.num_outputs,
        "seed": asked.seed,
        "output_format": "jpeg" if chosen == "jpg" else chosen,
    }
    if asked.width or asked.height or asked.image is None:
        sides = asked.width or _DEFAULT_SIDE, asked.height or _DEFAULT_SIDE
        fields["size"] = "{}x{}".format(*sides)
    if asked.image is None:
        try:
            return ImageBody.model_validate(fields)
        except ValidationError as fault:
            raise unreadable(fault) from None
    mask = _sent(asked.mask, "mask") if asked.mask is not None else None
    return edit_of(fields, [_sent(asked.image, "image")], mask)


def _sent(url: str, name: str) -> bytes:
    data = data_in(url, name)
    if data is None:
        raise bad_value(name, f"'{name}' must be a data URL: the simulator fetches nothing.")
    return data


class Prediction:
    """One prediction, from its start to its end; ``lines`` tells of it, ``None`` at the end.

    Args:
        name: Its id.
        asked: What for.
        wait: Waits until a share, 0 to 1, of its time has passed.
    """

    def __init__(
        self, name: str, asked: CogInput, wait: Callable[[float], Awaitable[None]]
    ) -> None:
        self.name = name
        self.lines: asyncio.Queue[tuple[str, dict[str, Any]] | None] = asyncio.Queue()
        self._asked = asked
        self._wait = wait
        self._logs = ""

    async def run(self, gallery: Gallery, *, withhold: bool = False) -> dict[str, Any]:
        """Return the prediction as it ended: succeeded, failed, or given up."""
        ended: dict[str, Any] = {"id": self.name, "input": self._shown()}
        try:
            ended |= await self._made(gallery, withhold=withhold)
        except asyncio.CancelledError:
            ended |= {"status": "canceled", "logs": self._logs}
        except Exception as error:  # noqa: BLE001 - a picture that cannot be drawn on fails it
            told = f"Prediction failed: ValueError: {error}"
            ended |= {"status": "failed", "error": told, "logs": self._logs}
        self.lines.put_nowait(("completed", ended))
        self.lines.put_nowait(None)
        return ended

    async def _made(self, gallery: Gallery, *, withhold: bool) -> dict[str, Any]:
        pictures = ordered(picture_body(self._asked))
        self._log(f"simulator: no model; seed {pictures[0].seed}\n")
        for step in range(1, STEPS + 1):
            await self._wait(step / STEPS)
            self._log(f" {100 * step // STEPS}%|{'#' * step:<{STEPS}}| {step}/{STEPS}\n")
        if withhold:
            return {"status": "failed", "error": WITHHELD, "logs": self._logs}
        outputs: list[str] = []
        for index, picture in enumerate(pictures):
            encoded = (await gallery.base64(picture)).decode()
            outputs.append(f"data:image/{picture.output_format};base64,{encoded}")
            self.lines.put_nowait(("output", {"chunk": outputs[-1], "index": index}))
        return {
            "status": "succeeded",
            "output": outputs,
            "logs": self._logs,
            "metrics": {"image_count": len(outputs)},
        }

    def _log(self, text: str) -> None:
        self._logs += text
        self.lines.put_nowait(("log", {"data": text, "source": "stdout"}))

    def _shown(self) -> dict[str, Any]:
        shown = self._asked.model_dump(exclude_none=True, exclude={"image", "mask"})
        return {**shown, "simulator": True}
