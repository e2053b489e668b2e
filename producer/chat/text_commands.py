"""/ask: a question to a model of words, with a picture if there is one."""

from typing import Any

from producer.chat.asked import Asked, ChatMeans, Outcome, tell
from producer.chat.jobs import Wanted, make_job
from producer.chat.picture_commands import speed_of
from producer.chat.pictures import named_pictures
from schemas.chat_inbound import Command
from schemas.chat_view import Tone
from schemas.generation import Kind


async def ask(means: ChatMeans, asked: Asked[Command]) -> Outcome:
    """Ask a model."""
    text = asked.heard.text.strip()
    if not text:
        what = "Say what you want to know: /ask why is the sky blue"
        return tell("Invalid parameter", what, Tone.WARNING)
    async with named_pictures(means, asked, ()) as pictures:
        content: Any = text
        if pictures.names:
            shown = [{"type": "image_url", "image_url": {"url": one}} for one in pictures.names]
            content = [{"type": "text", "text": text}, *shown]
        model = asked.model("ask")
        request = {
            "kind": Kind.CHAT,
            "input": {"messages": [{"role": "user", "content": content}]},
            **({} if model is None else {"model": model}),
            **speed_of(asked.heard.options),
        }
        opened = await make_job(means, asked, Wanted(request, "ask", files=pictures.files))
        if opened.reply is None:
            await pictures.leave()
        return opened
