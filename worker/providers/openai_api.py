"""A model server that speaks OpenAI's API: what it is asked for each kind of job."""

from openai import AsyncOpenAI

from infra.clock import Clock
from schemas.claim import Claim
from schemas.generation import Kind
from schemas.model_catalog import ModelServer
from worker.progress import LiveNews
from worker.providers.downloads import PictureDownloads
from worker.providers.embedding_calls import EmbeddingCalls
from worker.providers.picture_calls import PictureCalls
from worker.providers.provider import Reply
from worker.providers.server_calls import ServerCalls
from worker.providers.speech_calls import SpeechCalls
from worker.providers.text_calls import TextCalls


class OpenAIProvider:
    """Runs jobs of every kind on one model server."""

    def __init__(
        self,
        server: ModelServer,
        *,
        client: AsyncOpenAI,
        downloads: PictureDownloads,
        clock: Clock,
        news: LiveNews | None = None,
    ) -> None:
        self._streamed = {
            (spec.name, spec.kind) for spec in server.models if spec.streams_progress and news
        }
        calls = ServerCalls(server.name, client, clock)
        self._pictures = PictureCalls(calls, server, downloads, news)
        self._texts = TextCalls(calls, news)
        self._embeddings = EmbeddingCalls(calls)
        self._speech = SpeechCalls(calls)

    async def generate(self, claim: Claim) -> Reply:
        """Ask the model once. See ``Provider.generate``."""
        streamed = (claim.model, claim.kind) in self._streamed
        match claim.kind:
            case Kind.IMAGE | Kind.IMAGE_EDIT:
                return await self._pictures.generate(claim, streamed=streamed)
            case Kind.CHAT:
                return await self._texts.chat(claim, streamed=streamed)
            case Kind.COMPLETION:
                return await self._texts.complete(claim)
            case Kind.EMBEDDING:
                return await self._embeddings.embed(claim)
            case Kind.SPEECH:
                return await self._speech.speak(claim)
