"""``POST /v1/images/generations``: pictures from the gallery, joined into OpenAI's answer."""

import re
from dataclasses import replace
from typing import Any, Final

import orjson

from infra.simulator.gallery import Gallery, Picture
from infra.simulator.painting.dice import fixed_number
from infra.simulator.prose import count_tokens
from infra.simulator.refusal import bad_value
from infra.simulator.reply import Reply
from infra.simulator.wire import (
    LARGEST_SIDE,
    LARGEST_UPSCALED,
    SMALLEST_SIDE,
    ImageBody,
    ImageEditBody,
)

_DEFAULT_SIZE: Final = "512x512"
_SIZE: Final = re.compile(r"([1-9]\d{1,3})x([1-9]\d{1,3})", re.ASCII)
_PIXELS_PER_TOKEN: Final = 1024
_QUALITY: Final = 90
_GENERATION: Final = "image_generation"
_EDIT: Final = "image_edit"


def ordered(body: ImageBody) -> list[Picture]:
    """Return the pictures that a body asks for.

    Raises:
        RefusalError: 400; the size is none, or something is asked that cannot be simulated.
    """
    if body.stream and (body.n or 1) > 1:
        raise bad_value("n", "Invalid value for 'n': one image at a time can be streamed.")
    if not body.prompt.strip():
        raise bad_value("prompt", "Invalid value for 'prompt': it must not be blank.")
    sources = body.sources if isinstance(body, ImageEditBody) else None
    upscales = sources is not None and sources.upscales
    width, height = _sides(body.size, LARGEST_UPSCALED if upscales else LARGEST_SIDE)
    seed = _seed(body)
    if sources is not None:
        # What is edited decides along with the words.
        seed = fixed_number(sources.digest, seed)
    output_format = body.output_format or "png"
    given = _QUALITY if body.output_compression is None else body.output_compression
    # A PNG has no quality; leaving it out lets such calls share one cached picture.
    quality = _QUALITY if output_format == "png" else max(1, given)
    return [
        Picture(
            body.prompt, seed, index, width, height, output_format, quality, sources=sources
        )
        for index in range(body.n or 1)
    ]


def _sides(size: str | None, most: int) -> tuple[int, int]:
    text = _DEFAULT_SIZE if size in {None, "auto"} else str(size)
    sides = _SIZE.fullmatch(text)
    if sides:
        width, height = int(sides[1]), int(sides[2])
        if all(SMALLEST_SIDE <= side <= most for side in (width, height)):
            return width, height
    raise bad_value(
        "size",
        f"Invalid value: '{text}'. Supported values are: 'auto' and 'WIDTHxHEIGHT' with "
        f"sides of {SMALLEST_SIDE} to {most}.",
    )


async def answer_images(
    body: ImageBody, gallery: Gallery, *, created: int, origin: str
) -> Reply:
    """Return OpenAI's answer with the pictures in it, or with URLs under ``origin``."""
    pictures = ordered(body)
    if body.stream:
        return await _streamed(body, gallery, pictures[0], created)
    parts = [b'{"created":%d,"background":"opaque","data":[' % created]
    for picture in pictures:
        encoded = await gallery.base64(picture)
        if body.response_format == "url":
            url = f"{origin}/images/{gallery.publish(picture)}"
            parts += [orjson.dumps({"url": url}), b","]
        else:
            parts += [b'{"b64_json":"', encoded, b'"}', b","]
    return Reply([*parts[:-1], _tail(body, pictures)])


async def _streamed(body: ImageBody, gallery: Gallery, picture: Picture, created: int) -> Reply:
    """Return partial pictures, coarse ones first, and the finished one."""
    head = {"created_at": created, "background": "opaque", **_about(body, picture)}
    called = _EDIT if isinstance(body, ImageEditBody) else _GENERATION
    events: list[dict[str, Any]] = []
    partials = body.partial_images or 0
    for index in range(partials):
        unfinished = await gallery.base64(replace(picture, unfinished=2 + partials - index))
        events.append(
            {
                "type": f"{called}.partial_image",
                "partial_image_index": index,
                **head,
                "b64_json": unfinished.decode(),
            }
        )
    finished = (await gallery.base64(picture)).decode()
    usage = _usage(body, [picture])
    events.append({"type": f"{called}.completed", **head, "usage": usage, "b64_json": finished})
    names = [str(event["type"]).encode() for event in events]
    return Reply(events=[orjson.dumps(event) for event in events], names=names)


def _seed(body: ImageBody) -> int:
    return fixed_number(body.prompt) if body.seed is None else body.seed


def _tail(body: ImageBody, pictures: list[Picture]) -> bytes:
    first = pictures[0]
    rest = orjson.dumps(
        {
            **_about(body, first),
            "usage": _usage(body, pictures),
            # Sent along with the same, it makes the same again.
            "genq": {"simulator": True, "seed": _seed(body)},
        }
    )
    return b"]," + rest[1:]


def _about(body: ImageBody, picture: Picture) -> dict[str, str]:
    quality = body.quality if body.quality in {"low", "medium", "high"} else "medium"
    return {
        "output_format": picture.output_format,
        "quality": str(quality),
        "size": f"{picture.width}x{picture.height}",
    }


def _usage(body: ImageBody, pictures: list[Picture]) -> dict[str, Any]:
    first = pictures[0]
    asked = count_tokens(body.prompt)
    drawn = len(pictures) * -(-first.width * first.height // _PIXELS_PER_TOKEN)
    return {
        "input_tokens": asked,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": asked},
        "output_tokens": drawn,
        "output_tokens_details": {"image_tokens": drawn, "text_tokens": 0},
        "total_tokens": asked + drawn,
    }
