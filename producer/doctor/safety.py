"""Do the safety checks work, and who judges?"""

import asyncio
from typing import Final

from infra.safety.moderator import Moderator
from infra.safety.opening import open_moderation
from infra.safety.policies import Policies
from producer.doctor.finding import Finding, fine, warning, wrong
from producer.doctor.subject import Subject
from schemas.safety import Medium, Stage
from schemas.safety import Subject as Judged
from schemas.tenant_plan import SafetyLevel

_CHECK: Final = "safety"
_HARMLESS: Final = "a red kite over the sea"
_NO_MEND: Final = "install genq again, of the same version as everywhere; the log tells more"


async def look_at_safety(subject: Subject) -> list[Finding]:
    """Judge a harmless sentence with everything there is, and say who took part."""
    policies = Policies(subject.engine, subject.clock)
    moderation = await asyncio.to_thread(
        open_moderation, subject.settings, subject.engine, subject.clock, policies
    )
    moderator = moderation.moderator
    try:
        policy = await policies.of(0, SafetyLevel.STANDARD)
        judged = Judged(Stage.PROMPT, Medium.TEXT, 0, text=_HARMLESS)
        verdict = await moderator.evaluate(judged, policy)
    finally:
        await moderation.close()
    remote = {detector.name for detector in moderator.detectors.remote}
    failed = [run for run in verdict.detectors if run.note in {"failed", "timeout", "open"}]
    found = [
        _answer(run.detector, run.note or "", far=run.detector in remote) for run in failed
    ]
    return found or [fine(_CHECK, f"{_who(moderator)}, by policy {policy.name}")]


def _answer(name: str, note: str, *, far: bool) -> Finding:
    if not far:
        why = "what it would have found goes through"
        return wrong(_CHECK, f"the detector {name} has failed", why, _NO_MEND)
    return warning(
        _CHECK,
        f"the remote detector {name} does not answer ({note})",
        "jobs go on as the policy's on_error says: at the level strict they wait for a person",
        "does GENQ_OPENAI_MODERATION_URL name it, and is GENQ_OPENAI_MODERATION_KEY right?",
    )


def _who(moderator: Moderator) -> str:
    local = [detector.name for detector in moderator.detectors.local()]
    remote = [detector.name for detector in moderator.detectors.remote]
    asked = f"{', '.join(remote)} is asked as well" if remote else "nobody else is asked"
    return f"{len(local)} detectors judge on this machine ({', '.join(local)}); {asked}"
