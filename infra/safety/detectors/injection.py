"""Orders to the model in what it is only to work with, and secrets of its prompt in outputs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from infra.safety.nearness import Hit, NearRules, read_rules
from infra.safety.normalise import normalise, plain
from infra.safety.package_data import PACKAGE_DATA
from infra.safety.reading import Reading
from infra.safety.variants import variants_of
from schemas.safety import Finding, Medium, Span, Stage, Subject

RULES: Final = PACKAGE_DATA / "injection_rules.toml"
CATEGORY: Final = "injection"
FAKE_ROLE: Final = "fake_role"
CANARY: Final = "canary"

_FAKE_ROLE_SCORE: Final = 0.8
_SURE: Final = 1.0
# Marks by which chat models tell who speaks: no document or user writes them by chance.
_FAKE_ROLES: Final = re.compile(
    r"<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id|eot_id)\|>"
    r"|\[/?INST\]|<</?SYS>>|</?(?:system|system_prompt|assistant_instructions)>"
    r"|^\s{0,8}#{1,4} ?(?:system|new instructions?|system prompt) ?:"
    r"|^\s{0,8}system ?(?:prompt|message)? ?:\s"
    r"|\[(?:system|admin|developer)(?: message| prompt| override)?\] ?:?|begin system prompt",
    re.IGNORECASE | re.MULTILINE,
)
_ROLE_SIGNS: Final = (
    "<|",
    "inst]",
    "sys>>",
    "system",
    "[admin",
    "[developer",
    "<assistant",
    "instruction",
)
_SIGNS: Final = re.compile(r"[\W_]+")

Found = tuple[str, float, int, int]


class InjectionDetector:
    """Finds attempts to override a prompt, outside of what the tenant itself wrote.

    In an output it looks for the canary alone: a random string that was put into the prompt,
    and that no honest answer repeats.

    Args:
        rules: What attempts sound like.
        canary: The string of this job, if there is one.
    """

    name: Final = "InjectionDetector"
    stages: Final = frozenset(Stage)
    media: Final = frozenset({Medium.TEXT})

    def __init__(self, rules: NearRules, canary: str | None = None) -> None:
        self.version = rules.version
        self._rules = rules
        self._canary = canary

    def with_canary(self, canary: str) -> "InjectionDetector":
        """Return one that also knows the canary of a job; it costs nothing."""
        return InjectionDetector(self._rules, canary)

    def check(self, reading: Reading) -> Sequence[Finding]:
        """Return one finding with the rules that held, or none."""
        if reading.subject.stage is Stage.OUTPUT:
            return self._leak(reading)
        found = self._found(reading.plain, reading.text, reading.openings)
        own = [one for one in found if _counts(reading, one)]
        hidden = [
            one for variant in reading.variants for one in self._found(plain(variant), variant)
        ]
        if hidden:
            allowed = self._allowed(reading.subject)
            hidden = [one for one in hidden if one[0] not in allowed]
        if not own and not hidden:
            return ()
        spans = sorted({(start, end) for _, _, start, end in own})
        evidence = {
            "rules": sorted({one[0] for one in (*own, *hidden)}),
            "disguised": not own,
        }
        score = max(one[1] for one in (*own, *hidden))
        return (self._finding(score, [reading.span(*span) for span in spans], evidence),)

    def _found(
        self, plain: str, text: str, begin: frozenset[str] | None = None
    ) -> Iterator[Found]:
        for hit in self._rules.hits(plain, text, begin):
            yield _of(hit)
        if any(sign in plain for sign in _ROLE_SIGNS):
            for match in _FAKE_ROLES.finditer(text):
                yield FAKE_ROLE, _FAKE_ROLE_SCORE, match.start(), match.end()

    def _allowed(self, subject: Subject) -> frozenset[str]:
        """Return the rules that the tenant's own words break: variants tell no places."""
        if not subject.trusted:
            return frozenset()
        texts = (subject.text[span.start : span.end] for span in subject.trusted)
        own = normalise(" \n ".join(texts))
        readings = (own.text, *variants_of(own).texts)
        return frozenset(one[0] for text in readings for one in self._found(plain(text), text))

    def _leak(self, reading: Reading) -> Sequence[Finding]:
        if not self._canary:
            return ()
        wanted = _SIGNS.sub("", plain(self._canary))
        for text in (reading.plain, *map(plain, reading.variants)):
            if wanted and wanted in _SIGNS.sub("", text):
                at = reading.text.find(self._canary)
                spans = [reading.span(at, at + len(self._canary))] if at >= 0 else []
                return (self._finding(_SURE, spans, {"rules": [CANARY]}),)
        return ()

    def _finding(
        self, score: float, spans: Sequence[Span], evidence: Mapping[str, object]
    ) -> Finding:
        return Finding(
            self.name, self.version, CATEGORY, score, tuple(spans), evidence=evidence
        )


def open_injection_detector(file: Path = RULES) -> InjectionDetector:
    """Return the detector with the rules that come with genq."""
    return InjectionDetector(read_rules(file))


def _of(hit: Hit) -> Found:
    return hit.rule.name, hit.rule.score, hit.start, hit.end


def _counts(reading: Reading, found: Found) -> bool:
    """Tell whether some of what was found is not the tenant's own."""
    span = reading.span(found[2], found[3])
    return not any(
        own.start <= span.start and span.end <= own.end for own in reading.subject.trusted
    )
