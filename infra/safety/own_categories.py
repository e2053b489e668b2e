"""Tenants' own categories: learnt from their policies' sentences, once for each such policy."""

import asyncio
from collections import OrderedDict
from typing import Final

from infra.safety.classifier import TextClassifier
from infra.safety.detectors.toxicity import ToxicityFilter
from schemas.policy import Policy

_MOST: Final = 256
# Learning takes tenths of a second of one core.
_AT_ONCE: Final = 1


class OwnCategories:
    """Keeps what was learnt, by the digest of what it was learnt from; the least used goes.

    Args:
        classifier: What every policy begins with.
    """

    def __init__(self, classifier: TextClassifier) -> None:
        self._classifier = classifier
        self._known: OrderedDict[str, ToxicityFilter] = OrderedDict()
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def filter_of(self, policy: Policy) -> ToxicityFilter:
        """Return a filter that knows a policy's own categories; the first takes a while."""
        digest = policy.learnt_digest
        known = self._known.get(digest)
        if known is None:
            async with self._turn:
                known = self._known.get(digest) or await asyncio.to_thread(self._learn, policy)
            self._known[digest] = known
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        self._known.move_to_end(digest)
        return known

    def _learn(self, policy: Policy) -> ToxicityFilter:
        extra = {name: sentences.exemplars for name, sentences in policy.learnt.items()}
        return ToxicityFilter(self._classifier.with_categories(extra))
