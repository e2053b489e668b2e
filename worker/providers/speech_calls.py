"""Speech, as OpenAI's API has it: asked in JSON, answered with a file."""

import contextlib
from typing import Final

from pydantic import ValidationError

from schemas.claim import Claim
from schemas.speech_input import USUAL_FORMAT
from worker.providers.answers import ReportedAnswer
from worker.providers.audio import may_be_audio, read_audio
from worker.providers.provider import Reply
from worker.providers.server_calls import ServerCalls

_SPEECH: Final = "/audio/speech"
_JSON: Final = "application/json"


class SpeechCalls:
    """Asks one model server to speak."""

    def __init__(self, calls: ServerCalls) -> None:
        self._calls = calls

    async def speak(self, claim: Claim) -> Reply:
        """Return the file in which a claim's text is spoken.

        Raises:
            GenqError: See ``Provider.generate``.
        """
        response = await self._calls.ask_bytes(_SPEECH, claim)
        said = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if said == _JSON:
            with contextlib.suppress(ValidationError):
                told = ReportedAnswer.model_validate_json(response.content)
                self._calls.sound(told, response)
        if not may_be_audio(said):
            raise self._calls.bad_answer("that is no audio")
        wanted = claim.input.get("response_format") or USUAL_FORMAT
        audio = read_audio(response.content, wanted=wanted, server=self._calls.name)
        return Reply(audio=audio)
