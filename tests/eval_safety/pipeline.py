"""The pipeline that every job goes through, with the policy that comes with genq, offline."""

import asyncio
from collections.abc import Sequence
from typing import Final

from infra.safety.classifier import load_classifier
from infra.safety.moderator import Moderator
from infra.safety.opening import open_moderator
from infra.safety.policy_file import default_policy
from infra.settings import Settings
from schemas.policy import Policy, resolve
from schemas.safety import CATEGORIES, Medium, Stage, Subject, Verdict
from schemas.tenant_plan import SafetyLevel

_NOWHERE: Final = "redis://127.0.0.1:1/0"


def open_pipeline() -> tuple[Moderator, Policy]:
    """Return what judges, and the policy of the level standard."""
    settings = Settings(
        _env_file=None,  # pyright: ignore[reportCallIssue] - pydantic-settings takes it
        database_url="postgresql://127.0.0.1:1/none",  # pyright: ignore[reportArgumentType] - it is parsed
        broker_url=_NOWHERE,  # pyright: ignore[reportArgumentType] - it is parsed
        object_store="file:///nowhere",
        key_pepper="only-for-tests-0123456789",  # pyright: ignore[reportArgumentType] - it is parsed
    )
    return open_moderator(settings), resolve(default_policy(), None, SafetyLevel.STANDARD)


def judge(texts: Sequence[str]) -> list[Verdict]:
    """Return the verdict on each text, as the prompt of a job."""
    moderator, policy = open_pipeline()
    subjects = [Subject(Stage.PROMPT, Medium.TEXT, 1, text) for text in texts]

    async def ask() -> list[Verdict]:
        return [await moderator.evaluate(subject, policy) for subject in subjects]

    return asyncio.run(ask())


def harm_of(verdict: Verdict) -> float:
    """Return the highest score of a category that means harm."""
    return max((verdict.categories.get(name, 0.0) for name in CATEGORIES), default=0.0)


def classified(texts: Sequence[str]) -> list[float]:
    """Return the classifier's overall score of each text, without the rest of the pipeline."""
    return [scores["harm"] for scores in load_classifier().scores(texts)]
