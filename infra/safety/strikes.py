"""Strikes: what a blocked prompt counts against whoever sent it.

Blocks count; attempts to get around a block count more. What was flagged, and what was only
worded like something that was flagged, counts nothing.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.strikes import BLOCK, EVASION, NewStrike, insert_strikes, recent_vectors
from schemas.policy import Policy
from schemas.policy_duties import StrikeWeights
from schemas.safety import Action, Verdict

_NEAR: Final = 0.9
"""The cosine from which on two prompts say the same."""
_LARGEST: Final = 127


@dataclass(frozen=True, slots=True)
class Blocked:
    """A prompt that was blocked, as far as strikes need to know it.

    Attributes:
        subject: Who sent it: the pseudonym of ``infra.subjects``; empty if nobody was named.
        evaded: It was disguised.
        vector: Its place, packed by ``packed``; ``None`` of what has none, such as a picture.
    """

    tenant_id: int
    subject: bytes
    evaded: bool
    vector: bytes | None
    weights: StrikeWeights
    window: timedelta


def blocked_prompt(
    tenant_id: int,
    subject: bytes,
    verdict: Verdict,
    policy: Policy,
    vector: NDArray[np.float32] | None,
) -> Blocked | None:
    """Return what a verdict counts against a person; ``None`` if it counts nothing.

    Nothing is held against everybody who is not named: one of them would slow down all.
    """
    if verdict.action is not Action.BLOCK or not subject:
        return None
    if all(reason.rule.startswith("limits.") for reason in verdict.reasons):
        # Too long is no offence.
        return None
    return Blocked(
        tenant_id,
        subject,
        EVASION in verdict.violations or EVASION in verdict.categories,
        None if vector is None else packed(vector),
        policy.escalation.strikes,
        policy.escalation.window,
    )


async def add_strikes(connection: AsyncConnection, blocked: Sequence[Blocked]) -> None:
    """Keep strikes in the transaction that ends the blocked jobs.

    A prompt that says the same in other words as one that was blocked of late is an attempt to
    get around the block. The very same prompt is not: clients send again what failed.
    """
    if not blocked:
        return
    people = [(one.tenant_id, one.subject) for one in blocked]
    longest = max(one.window for one in blocked)
    known = await recent_vectors(connection, people, longest)
    met: defaultdict[tuple[int, bytes], list[bytes]] = defaultdict(list)
    strikes: list[NewStrike] = []
    for one, person, before in zip(blocked, people, known, strict=True):
        evaded = one.evaded or rewords(one.vector, [*before, *met[person]])
        weight = one.weights.evasion if evaded else one.weights.block
        if one.vector is not None:
            met[person].append(one.vector)
        if weight > 0:
            kind = EVASION if evaded else BLOCK
            strikes.append(NewStrike(*person, kind, weight, one.vector))
    await insert_strikes(connection, strikes)


def packed(vector: NDArray[np.float32]) -> bytes:
    """Return a vector as signed bytes; its length is lost, its direction is not."""
    highest = float(np.abs(vector).max(initial=0.0))
    scaled = vector * (_LARGEST / highest) if highest else vector
    return np.rint(scaled).astype(np.int8).tobytes()


def rewords(vector: bytes | None, known: Sequence[bytes]) -> bool:
    """Tell whether a prompt says the same as one of the known ones in other words."""
    if vector is None or vector in known:
        return False
    return any(_cosine(vector, other) >= _NEAR for other in known)


def _cosine(one: bytes, other: bytes) -> float:
    if len(one) != len(other):
        # Of another release's classifier.
        return 0.0
    a, b = (np.frombuffer(part, np.int8).astype(np.float64) for part in (one, other))
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else 0.0
