"""Adapters that other distributions bring.

A distribution names a factory under the entry points ``genq.providers``, such as

    [project.entry-points."genq.providers"]
    kiln = "genq_kiln:open_kiln"

and a model server with ``protocol = "kiln"`` is then run by ``open_kiln(server, parts)``, a
``ProviderFactory``. All that it needs of genq is in ``worker.providers.provider``.
"""

from collections.abc import Collection
from dataclasses import replace
from importlib.metadata import EntryPoint

from infra.clock import Clock
from infra.installed_adapters import installed_adapter
from schemas.claim import Claim
from schemas.errors import ModelBadAnswerError, SettingsError
from schemas.generation import Kind
from schemas.model_catalog import ModelServer
from worker.providers.failures import MODEL_FAILURES, failure_of
from worker.providers.provider import Provider, ProviderFactory, Reply
from worker.providers.provider_parts import ProviderParts


class InstalledProvider:
    """Holds what a stranger wrote to what the pipeline expects of a provider."""

    def __init__(self, inner: Provider, server: ModelServer, clock: Clock) -> None:
        self._inner = inner
        self._server = server.name
        self._clock = clock

    async def generate(self, claim: Claim) -> Reply:
        """Ask the model once. See ``Provider.generate``."""
        try:
            reply = await self._inner.generate(claim)
        except MODEL_FAILURES as error:
            now = self._clock.now()
            raise failure_of(error, server=self._server, now=now) from error
        # Whatever its types say.
        if not isinstance(reply, Reply):  # pyright: ignore[reportUnnecessaryIsInstance] - ours do
            raise self._bad_answer("that its adapter did not put into a Reply")
        if claim.kind.pictures:
            if not reply.pictures:
                raise self._bad_answer("without a picture")
            return replace(reply, pictures=reply.pictures[: claim.input.get("n", 1)])
        if claim.kind is Kind.EMBEDDING and "embeddings" not in reply.details:
            raise self._bad_answer("without a vector")
        if claim.kind is Kind.SPEECH and reply.audio is None:
            raise self._bad_answer("without audio")
        if claim.kind is Kind.COMPLETION and reply.text is None:
            raise self._bad_answer("without a text")
        return reply

    def _bad_answer(self, what: str) -> ModelBadAnswerError:
        return ModelBadAnswerError(
            f"model server {self._server} gave an answer {what}: submit the job again later"
        )


def open_installed(server: ModelServer, parts: ProviderParts) -> Provider:
    """Return the provider of a server whose protocol is the name of an installed adapter.

    Raises:
        SettingsError: There is none, it cannot be loaded, or it does not run these models.
    """
    point = installed_adapter(server)
    factory = _loaded(server, point)
    kinds = _kinds_of(server, factory)
    for spec in server.models:
        if spec.kind not in kinds:
            known = ", ".join(sorted(kinds))
            raise SettingsError(
                f"model_servers: {server.name}: {spec.name}: the adapter {point.name} runs "
                f"{known}, not {spec.kind}"
            )
    try:
        provider = factory(server, parts)
    except SettingsError:
        raise
    except Exception as error:
        raise _unusable(server, f"fails to open ({type(error).__name__})") from error
    return InstalledProvider(provider, server, parts.clock)


def _loaded(server: ModelServer, point: EntryPoint) -> ProviderFactory:
    try:
        return point.load()
    except Exception as error:
        raise _unusable(server, f"cannot be imported ({type(error).__name__})") from error


def _kinds_of(server: ModelServer, factory: ProviderFactory) -> Collection[str]:
    try:
        return frozenset(Kind(kind) for kind in factory.kinds)
    except (AttributeError, TypeError, ValueError):
        known = ", ".join(Kind)
        raise _unusable(server, f"does not say what it runs: its kinds, of {known}") from None


def _unusable(server: ModelServer, what: str) -> SettingsError:
    return SettingsError(f"model_servers: {server.name}: the adapter {server.protocol} {what}")
