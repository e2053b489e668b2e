"""Stage 6: results say that a machine made them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from infra.clock import Clock
from infra.provenance.credentials import may_have_manifest
from infra.provenance.manifests import Facts, Ingredient
from infra.provenance.marking import Marked, Marker, mark_text
from infra.provenance.opening import open_marker
from infra.safety.moderation import PolicySource
from infra.safety.parts import input_parts
from infra.settings import Settings
from infra.telemetry.metrics import installed_version
from schemas.claim import Claim
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.policy_duties import Marking
from worker.pipeline.job_run import JobRun
from worker.providers.picture import Picture
from worker.providers.provider import Reply

_SMALL: Final = 128_000
"""Bytes. To sign so much takes a tenth of a millisecond, or one if the library does it: less
than to wait for a thread in a busy process."""
_FEW_PIXELS: Final = 100_000
"""To unpack so many takes two milliseconds."""
_JPEG: Final = "image/jpeg"
_JPEG_SHARE: Final = 8
"""JPEG files are unpacked at an eighth of their size, which is so many times as fast."""
_MOST_INPUTS: Final = 16


class Mark:
    """Marks pictures, and notes what the registry is to know of them and of texts.

    Args:
        marker: Does it.
        policies: Which marks are wanted.
        provider: Who provides the system.
        clock: What manifests say of the time.
    """

    name = "mark"

    def __init__(
        self, marker: Marker, policies: PolicySource, *, provider: str, clock: Clock
    ) -> None:
        self._marker = marker
        self._policies = policies
        self._provider = provider
        self._clock = clock
        self._version = installed_version()

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` with its pictures marked, and its ``marks``."""
        output, claim = run.output, run.claim
        if output is None:
            return run
        policy = await self._policies.of(claim.tenant_id, claim.safety_level)
        how = policy.marking
        marked = await self._marked(run, output.pictures, how)
        marks = [one.mark for one in marked if one.mark is not None]
        for text in _texts(output) if how.registry else ():
            of_text = mark_text(text, self._facts(run, 0).system)
            marks += [of_text] if of_text else []
        pictures = tuple(
            replace(picture, data=one.data)
            for picture, one in zip(output.pictures, marked, strict=True)
        )
        return replace(run, output=replace(output, pictures=pictures), marks=tuple(marks))

    async def _marked(
        self, run: JobRun, pictures: Sequence[Picture], how: Marking
    ) -> list[Marked]:
        if not pictures:
            return []

        def mark() -> list[Marked]:
            inputs = _ingredients(run.claim) if how.c2pa else ()
            return [
                self._marker.mark_picture(
                    picture.data,
                    picture.content_type,
                    self._facts(run, index),
                    index=index,
                    how=how,
                    inputs=inputs,
                )
                for index, picture in enumerate(pictures)
            ]

        if not _may_have_pictures(run.claim) and _are_small(pictures):
            return mark()
        return await asyncio.to_thread(mark)

    def _facts(self, run: JobRun, index: int) -> Facts:
        return Facts(
            provider=self._provider,
            version=self._version,
            model=run.served_by.model if run.served_by else run.claim.model,
            made_at=self._clock.now(),
            unique_id=f"{format_id('job', run.claim.job_id)}.{index}",
        )


def _are_small(pictures: Sequence[Picture]) -> bool:
    pixels = sum(
        one.width * one.height // (_JPEG_SHARE if one.content_type == _JPEG else 1)
        for one in pictures
    )
    return pixels <= _FEW_PIXELS and sum(len(one.data) for one in pictures) <= _SMALL


def _ingredients(claim: Claim) -> Sequence[Ingredient]:
    """Return the pictures that went in and say themselves where they come from."""
    if not _may_have_pictures(claim):
        return ()
    found = [part.picture for part in input_parts(claim.input, pictures=True) if part.picture]
    return [
        Ingredient(picture.data, picture.media_type or "")
        for picture in found[:_MOST_INPUTS]
        if may_have_manifest(picture.data)
    ]


def _may_have_pictures(claim: Claim) -> bool:
    return bool(claim.input.get("extra_body")) or claim.kind is Kind.IMAGE_EDIT


def _texts(output: Reply) -> list[str]:
    """Return all that a model wrote, each text once."""
    choices: Any = output.details.get("choices") or ()
    found = [output.text, *(choice.get("text") for choice in choices)]
    return list(dict.fromkeys(text for text in found if text))


def open_mark(settings: Settings, policies: PolicySource, clock: Clock) -> Mark | None:
    """Return the stage; ``None`` if the installation marks nothing.

    Raises:
        SettingsError: The certificate, or its key, cannot be used.
    """
    marker = open_marker(settings)
    if marker is None:
        return None
    return Mark(marker, policies, provider=settings.provider_name, clock=clock)
