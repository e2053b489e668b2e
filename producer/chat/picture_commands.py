"""/imagine, /describe and /blend: jobs of pictures, and of words about one."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from producer.chat.asked import Asked, ChatMeans, Opened, Outcome, tell
from producer.chat.jobs import Wanted, make_job
from producer.chat.pictures import Pictures, named_pictures
from producer.picture_models import PictureModels
from schemas.chat_inbound import Command
from schemas.chat_view import Tell, Tone
from schemas.errors import FieldError, InputError
from schemas.flag_rules import LANES
from schemas.generation import Kind
from schemas.picture_action import FEWEST_BLENDED, MOST_BLENDED
from schemas.picture_words import BLEND, DESCRIBE
from schemas.prompt_flags import read_prompt

PICTURES_AT_ONCE: Final = 4
"""Of one command, unless ``--n`` says otherwise: a grid."""
SPEED: Final = "speed"

_LINK: Final = re.compile(r"<?(https?://[^\s<>|]+)(?:\|[^>\s]*)?>?", re.IGNORECASE)
_FLAG_OF_NUMBER: Final = "n"


async def imagine(means: ChatMeans, asked: Asked[Command]) -> Outcome:
    """Make pictures of a prompt."""
    text = asked.heard.text.strip()
    if not text:
        return tell(
            "Invalid parameter",
            "Say what the picture is to show: /imagine a red kite over the sea --ar 16:9",
            Tone.WARNING,
        )
    request = _request(asked, Kind.IMAGE, "imagine", text, {})
    return await make_job(means, asked, Wanted(request, "imagine"))


async def describe(means: ChatMeans, asked: Asked[Command]) -> Outcome:
    """Write prompts with which a picture like the given one could be made."""
    links, _ = links_in(asked.heard.text)
    if len(asked.heard.pictures) + len(links) != 1:
        return _which("/describe takes one picture: attach it, or give its https link")
    model = PictureModels(means.settings).describer(asked.model("describe"))
    async with named_pictures(means, asked, links) as pictures:
        shown = {"type": "image_url", "image_url": {"url": pictures.names[0]}}
        told = {"type": "text", "text": DESCRIBE}
        request = {
            "kind": Kind.CHAT,
            "model": model,
            "input": {"messages": [{"role": "user", "content": [told, shown]}]},
            **speed_of(asked.heard.options),
        }
        return await _submitted(means, asked, request, "describe", pictures)


async def blend(means: ChatMeans, asked: Asked[Command]) -> Outcome:
    """Make one picture of several."""
    links, words = links_in(asked.heard.text)
    count = len(asked.heard.pictures) + len(links)
    if not FEWEST_BLENDED <= count <= MOST_BLENDED:
        return _which(
            f"/blend takes {FEWEST_BLENDED} to {MOST_BLENDED} pictures, and there are {count}: "
            "attach them, or give their https links"
        )
    async with named_pictures(means, asked, links) as pictures:
        given = {"images": list(pictures.names)}
        request = _request(asked, Kind.IMAGE_EDIT, "blend", _worded(words), given)
        if not _names_model(request):
            editor = PictureModels(means.settings).editor(asked.model("blend"), "")
            request = {**request, "model": editor}
        return await _submitted(means, asked, request, "blend", pictures)


def links_in(text: str) -> tuple[Sequence[str], str]:
    """Return the links that stand in a text, and what is left of it."""
    words = " ".join(_LINK.sub(" ", text).split())
    return [found[1].rstrip(".,;)") for found in _LINK.finditer(text)], words


def speed_of(options: Mapping[str, str]) -> Mapping[str, str]:
    """Return the lane that a command's options ask for, if they do."""
    told = options.get(SPEED) or options.get("lane")
    return {"lane": told.strip().lower()} if told else {}


def _request(
    asked: Asked[Command], kind: Kind, command: str, text: str, given: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the request of a prompt with flags: a grid, unless they say another number.

    Raises:
        InputError: A flag asks for what an option asks for otherwise.
    """
    flags = read_prompt(text).flags
    number = {} if _FLAG_OF_NUMBER in flags else {"n": PICTURES_AT_ONCE}
    model = asked.model(command)
    named = {} if model is None or "model" in flags else {"model": model}
    return {
        "kind": kind,
        "input": {"prompt": text, **number, **given},
        "prompt_flags": True,
        **named,
        **_speed(asked, flags),
    }


def _speed(asked: Asked[Command], flags: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the lane that flags or options ask for; a flag is held to the same rules."""
    flagged = next((flag for flag in flags if flag in LANES), None)
    told = speed_of(asked.heard.options)
    if flagged is not None and told and told["lane"] != flagged:
        what = f"speed says {told['lane']}, and the prompt --{flagged}: keep one"
        raise InputError(what, fields=[FieldError("/prompt", what)])
    return {"lane": flagged} if flagged is not None else told


def _names_model(request: Mapping[str, Any]) -> bool:
    return "model" in request or "model" in read_prompt(request["input"]["prompt"]).flags


def _worded(words: str) -> str:
    """Return the words of a blend: its user's, else ours before the flags that stand there."""
    return words if read_prompt(words).text.strip() else f"{BLEND} {words}".strip()


async def _submitted(
    means: ChatMeans,
    asked: Asked[Command],
    request: Mapping[str, Any],
    command: str,
    pictures: Pictures,
) -> Opened:
    opened = await make_job(means, asked, Wanted(request, command, files=pictures.files))
    if opened.reply is None:
        # A repetition: the job has the files of the first request.
        await pictures.leave()
    return opened


def _which(what: str) -> Tell:
    return tell("Invalid parameter", f"{what}.", Tone.WARNING)
