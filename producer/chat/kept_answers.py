"""Answers to platforms, as they are kept for repetitions: sealed, they quote what was asked."""

from typing import Final

import orjson

from infra.sealing import Sealer
from schemas.chat_inbound import Command, Press
from schemas.chat_view import ChatAnswer

_END_OF_HEAD: Final = b"\n"


def seal_answer(sealer: Sealer, heard: Command | Press, answer: ChatAnswer) -> bytes:
    """Return an answer as it is stored: a line of JSON, then its body as it is."""
    head = orjson.dumps([answer.status, answer.content_type, answer.told])
    return sealer.seal(head + _END_OF_HEAD + answer.body, place=_place(heard))


def open_answer(sealer: Sealer, heard: Command | Press, sealed: bytes) -> ChatAnswer:
    """Return what ``seal_answer`` made this of.

    Raises:
        SealedValueError: Its key is not configured any more.
    """
    head, _, body = sealer.open(sealed, place=_place(heard)).partition(_END_OF_HEAD)
    status, content_type, told = orjson.loads(head)
    return ChatAnswer(status, body, content_type, told)


def _place(heard: Command | Press) -> str:
    return f"chat:{heard.platform}:{heard.dedupe_key}:answer"
