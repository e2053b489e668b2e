"""What people let pass: how far their word stands over what is judged now."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from infra.safety.decide import HASH_LISTS
from infra.safety.joined import joined, joined_digest
from infra.safety.look import digest_of
from infra.safety.parts import Part, Whose
from schemas.safety import FLOORS, Action, Verdict

_HIGHEST: Final = Action.FLAG


@dataclass(frozen=True, slots=True)
class LetPass:
    """The word of people on an input.

    Attributes:
        categories: For which it was stopped.
        digest: Of what they saw, if that is known.
    """

    categories: Collection[str]
    digest: str | None = None

    def over(
        self,
        verdicts: Sequence[Verdict],
        parts: Sequence[Part],
        named: Sequence[Part] | None,
        whose: Whose,
    ) -> list[Verdict]:
        """Return verdicts over which their word stands, where it does.

        What lists of known material name is never let pass, nor what is never made and they
        were not asked about.

        Args:
            verdicts: Of the parts first, then of what nobody could read.
            parts: What was judged.
            named: What was judged at the door, if pictures were fetched since: nobody has
                seen them there, and a host may show others the next time.
            whose: Whose it is.
        """
        whole = named is None or self.digest == joined(verdicts).input_digest
        if whole:
            return self._capped(verdicts)
        seen = [digest_of(part.subject(whose)) for part in named or ()]
        if not seen or self.digest != joined_digest(seen):
            # What a host shows now is not what people looked at.
            return list(verdicts)
        words = {n: None for n, part in enumerate(parts) if part.picture is None}
        capped = iter(self._capped([verdicts[n] for n in words]))
        return [next(capped) if n in words else one for n, one in enumerate(verdicts)]

    def _capped(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        if any(self._is_new(verdict) for verdict in verdicts):
            return list(verdicts)
        return [replace(one, action=min(one.action, _HIGHEST)) for one in verdicts]

    def _is_new(self, verdict: Verdict) -> bool:
        """Return whether people who let it pass cannot have known why it is stopped."""
        return any(
            reason.detector == HASH_LISTS
            or (reason.category in FLOORS and reason.category not in self.categories)
            for reason in verdict.reasons
            if reason.action > _HIGHEST
        )
