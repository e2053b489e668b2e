"""Which seed pictures were made with: recorded of every job, so that it can be repeated.

Told by the caller, the seed is what it is. Else what the model server tells counts; and for
models whose ``skills.seeds`` says that their servers take one, genq chooses it: where the
server would have rolled dice, genq does, and so changes nothing but that the number is known.
By protocol: OpenAI's own API takes and tells none; servers like it may tell ``seed`` in the
answer, as genq's simulator does; of Cog the model's log tells it (``Using seed: 1234``). Of
models of which nothing holds no seed is recorded, and their jobs are not replayed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, cast
from uuid import UUID

from schemas.claim import Claim
from schemas.generation import Kind
from schemas.model_catalog import ModelServer
from worker.providers.provider import Provider, Reply

SEED: Final = "seed"
# What every server takes that takes any: 31 bits.
_MASK: Final = 0x7FFF_FFFF


class SeedKeeper:
    """Runs jobs as another provider does, and keeps the seed.

    Args:
        provider: Does the work.
        seeded: The models, each with its kind, for which a seed is chosen.
    """

    def __init__(self, provider: Provider, seeded: frozenset[tuple[str, Kind]]) -> None:
        self._provider = provider
        self._seeded = seeded

    async def generate(self, claim: Claim) -> Reply:
        """Ask the model once. See ``Provider.generate``."""
        if not claim.kind.pictures:
            return await self._provider.generate(claim)
        seed = claim.input.get(SEED)
        if seed is None and (claim.model, claim.kind) in self._seeded:
            seed = chosen_seed(claim.job_id)
            claim = replace(claim, input={**claim.input, SEED: seed})
        reply = await self._provider.generate(claim)
        if seed is None:
            return reply
        return replace(reply, details={**reply.details, SEED: seed})


def chosen_seed(job_id: UUID) -> int:
    """Return the seed of a job that has none: the same in every attempt."""
    digest = hashlib.blake2b(job_id.bytes, digest_size=4).digest()
    return int.from_bytes(digest) & _MASK


def keeping_seeds(server: ModelServer, provider: Provider) -> Provider:
    """Return the provider of a server that keeps seeds, if it makes pictures."""
    if not any(spec.kind.pictures for spec in server.models):
        return provider
    seeded = frozenset((s.name, s.kind) for s in server.models if s.skills.seeds)
    return SeedKeeper(provider, seeded)


def told_seed(*answers: object) -> int | None:
    """Return the seed in what a server answered: the first ``seed`` that is a whole number."""
    for answer in answers:
        if isinstance(answer, Mapping):
            seed = cast("Mapping[str, object]", answer).get(SEED)
            if isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0:
                return seed
    return None
