"""What of a job is judged, and what follows: the one way in for the API and the workers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from infra.safety.chat_templates import without_marks
from infra.safety.decide import decide
from infra.safety.excerpts import excerpts
from infra.safety.joined import joined
from infra.safety.let_pass import LetPass
from infra.safety.limits import OUTPUT_CHARS
from infra.safety.moderator import Moderator
from infra.safety.parts import (
    Part,
    Place,
    Whose,
    cut,
    input_parts,
    output_parts,
)
from infra.safety.replacing import redacted, replaced
from infra.safety.unread import has_unread
from schemas.generation import Kind
from schemas.policy import Policy
from schemas.safety import Action, Coverage, Picture, Redaction, Span, Stage, Verdict
from schemas.tenant_plan import SafetyLevel

# Of a longer text, its beginning says where it lies.
_LONGEST_PLACED: Final = 8_000
# What is refused if it is too long; all else is judged in pieces.
_WHOLE: Final = frozenset({"prompt", "extra_body"})
_WHOLE_OF_TEXTS: Final = frozenset({"extra_body"})
# However little a policy lets in: of words in pieces nobody can tell what they say.
_SHORTEST_PIECE: Final = 1_000


class PolicySource(Protocol):
    """Who knows what counts for a tenant."""

    async def of(self, tenant_id: int, level: SafetyLevel) -> Policy:
        """Return it; usually without a question to anybody."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to happen to a job's prompt, or to what was made.

    Attributes:
        verdict: Of all parts together.
        policy: What counted.
        parts: What was judged.
        told: The input as the model is to see it; ``None`` if that is as it came.
        vector: Of a prompt that is blocked: its place in the classifier's space.
        avoided: It is blocked for what a model is to stay away from, and for nothing else.
    """

    verdict: Verdict
    policy: Policy
    parts: Sequence[Part] = ()
    told: Mapping[str, Any] | None = None
    vector: NDArray[np.float32] | None = None
    avoided: bool = False


class Moderation:
    """Judges jobs.

    Args:
        moderator: Judges one text or picture.
        policies: What counts.
        vector_of: Places a text in the classifier's space; without it near texts are not known.
    """

    def __init__(
        self,
        moderator: Moderator,
        policies: PolicySource,
        vector_of: Callable[[str], NDArray[np.float32]] | None = None,
    ) -> None:
        self.moderator = moderator
        self.policies = policies
        self._vector_of = vector_of

    async def close(self) -> None:
        """Close connections to others' detectors."""
        await self.moderator.close()

    async def judge_floor(
        self,
        parameters: Mapping[str, Any],
        whose: Whose,
        level: SafetyLevel,
        *,
        kind: Kind | None = None,
    ) -> Judged:
        """Return what a submit has to know of a job's input: what no policy allows.

        Args:
            parameters: The input, as it was accepted.
            whose: Who asked.
            level: How strictly the tenant is judged.
            kind: Of the job; a prompt is a picture's, if nothing is said.
        """
        policy = await self.policies.of(whose.tenant_id, level)
        parts = _cut(input_parts(parameters, pictures=False), policy, kind)
        subjects = [part.subject(whose) for part in parts]
        verdicts = await self.moderator.evaluate_floors(subjects, policy)
        verdict = joined(verdicts)
        vector = self._vector(verdict, parts, verdicts)
        return Judged(verdict, policy, parts, None, vector, _is_avoided(parts, verdicts))

    async def judge_input(
        self,
        parameters: Mapping[str, Any],
        whose: Whose,
        level: SafetyLevel,
        *,
        reviewed: Collection[str] | None = None,
        reviewed_of: str | None = None,
        named: Mapping[str, Any] | None = None,
        kind: Kind | None = None,
        given: Mapping[Place, bytes] | None = None,
    ) -> Judged:
        """Return what is to happen to a job's input, and how the model is to see it.

        Args:
            parameters: The input, as it was accepted.
            whose: Who asked.
            level: How strictly the tenant is judged.
            reviewed: The categories for which it was stopped when people let it pass: their
                word stands, whatever detectors say, but for what a list of known material
                names, and for what is never made and they were not asked about.
            reviewed_of: The digest of what they saw, if that is known.
            named: The input as it was accepted, if pictures were fetched since. If people saw
                others, their word counts for nothing; if they saw none, for the words alone.
            kind: Of the job; a prompt is a picture's, if nothing is said.
            given: SHA-256 of pictures as they came, by their places, where the input has them
                written anew: lists of known material know either.
        """
        policy = await self.policies.of(whose.tenant_id, level)
        pictures = self.moderator.detectors.see_pictures
        parts = _cut(input_parts(parameters, pictures=pictures), policy, kind)
        if given:
            parts = [_as_given(part, given) for part in parts]
        subjects = [part.subject(whose) for part in parts]
        verdicts = await self.moderator.evaluate_all(subjects, policy)
        unread = has_unread(parameters, pictures=pictures)
        judged = [*verdicts, *([_partial(policy)] if unread else ())]
        if reviewed is not None:
            seen = None
            if named is not None:
                seen = _cut(input_parts(named, pictures=False), policy, kind)
            judged = LetPass(reviewed, reviewed_of).over(judged, parts, seen, whose)
        verdict, verdicts = joined(judged), judged[: len(parts)]
        changed = _changed(parameters, parts, verdicts)
        told = replaced(parameters, changed) if changed else None
        vector = self._vector(verdict, parts, verdicts)
        return Judged(verdict, policy, parts, told, vector, _is_avoided(parts, verdicts))

    async def judge_output(
        self,
        text: str | None,
        details: Mapping[str, Any],
        pictures: Sequence[Picture],
        whose: Whose,
        level: SafetyLevel,
        *,
        prompt: str = "",
    ) -> Judged | None:
        """Return what is to happen to what a model made; ``None`` if nobody looks at it."""
        policy = await self.policies.of(whose.tenant_id, level)
        written = output_parts(text, details)
        parts = [piece for part in written for piece in excerpts(part)]
        if self.moderator.detectors.see_pictures:
            parts += [
                Part(("pictures", n), prompt, Stage.OUTPUT, picture)
                for n, picture in enumerate(pictures)
            ]
        if not parts:
            return None
        subjects = [part.subject(whose) for part in parts]
        verdicts = await self.moderator.evaluate_all(subjects, policy)
        # What was written besides is kept, and read by nobody here.
        rest = any(len(part.text) > OUTPUT_CHARS for part in written)
        verdict = joined([*verdicts, *([_partial(policy)] if rest else ())])
        return Judged(verdict, policy, parts)

    async def judge_parts(
        self, parts: Sequence[Part], whose: Whose, level: SafetyLevel
    ) -> Judged:
        """Return what is to happen to texts and pictures that belong together."""
        policy = await self.policies.of(whose.tenant_id, level)
        pieces = [piece for part in parts for piece in cut(part, _longest(policy))]
        subjects = [piece.subject(whose) for piece in pieces]
        return Judged(joined(await self.moderator.evaluate_all(subjects, policy)), policy)

    def _vector(
        self, verdict: Verdict, parts: Sequence[Part], verdicts: Sequence[Verdict]
    ) -> NDArray[np.float32] | None:
        """Return where the part lies that led to a block."""
        if verdict.action is not Action.BLOCK or self._vector_of is None:
            return None
        pairs = zip(parts, verdicts, strict=True)
        worst = max(pairs, key=lambda pair: (pair[1].action, pair[1].confidence))[0]
        return self._vector_of(worst.text[:_LONGEST_PLACED]) if worst.text else None


def _is_avoided(parts: Sequence[Part], verdicts: Sequence[Verdict]) -> bool:
    """Return whether all that is blocked was said of what a model is to stay away from."""
    pairs = zip(parts, verdicts, strict=True)
    blocked = [part.negative for part, verdict in pairs if verdict.action is Action.BLOCK]
    return bool(blocked) and all(blocked)


def _as_given(part: Part, given: Mapping[Place, bytes]) -> Part:
    """Return a picture that also tells which bytes it was written anew from."""
    if part.picture is None or part.place not in given:
        return part
    return replace(part, picture=replace(part.picture, given=given[part.place]))


def _partial(policy: Policy) -> Verdict:
    """Return what follows from something that nobody here could read."""
    return decide("", (), (), policy, coverage=Coverage.PARTIAL)


def _cut(parts: Sequence[Part], policy: Policy, kind: Kind | None) -> list[Part]:
    """Return parts that the policy's limits let in, of conversations as many as it takes.

    A prompt for a picture is judged whole, and refused if it is too long; a conversation, and
    a text that a model goes on from, may be as long as the installation takes it.
    """
    longest = _longest(policy)
    whole = _WHOLE
    if kind is Kind.COMPLETION:
        whole, parts = _WHOLE_OF_TEXTS, [_bare(part) for part in parts]
    found = [
        piece
        for part in parts
        for piece in ((part,) if part.place[0] in whole else cut(part, longest))
    ]
    # There is always something to judge, if only nothing.
    return found or [Part(())]


def _bare(part: Part) -> Part:
    """Return a prompt that a model goes on from without the marks around its turns."""
    if not part.place or part.place[0] != "prompt":
        return part
    bare = without_marks(part.text)
    return part if bare is None else replace(part, text=bare, exact=part.text)


def _longest(policy: Policy) -> int:
    """Return how many characters pass every limit, whatever they are, if so few make sense."""
    # A token has a character at least.
    longest = min(policy.limits.prompt_chars, policy.limits.prompt_tokens)
    return max(longest, _SHORTEST_PIECE)


def _changed(
    parameters: Mapping[str, Any], parts: Sequence[Part], verdicts: Sequence[Verdict]
) -> dict[Place, str]:
    """Return the texts that the model is to see in another form, by their places."""
    wanted: dict[Place, list[Redaction]] = {}
    for part, verdict in zip(parts, verdicts, strict=True):
        for one in () if part.joined else verdict.redactions:
            span = Span(one.span.start + part.start, one.span.end + part.start)
            wanted.setdefault(part.place, []).append(replace(one, span=span))
    return {
        place: redacted(_at(parameters, place), redactions)
        for place, redactions in wanted.items()
    }


def _at(parameters: Any, place: Place) -> str:
    value = parameters
    for step in place:
        value = value[step]
    return value
