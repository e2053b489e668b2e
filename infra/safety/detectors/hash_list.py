"""Finds what is known: pictures by what they look like, pictures and texts by their bytes.

Before a picture is looked up it is held to the limits: format, bytes, pixels. What it shows
nobody here can tell, so that what is said of a picture never covers all of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from infra.safety.fingerprints import looks_of
from infra.safety.hash_lists import KnownLists, Listed
from infra.safety.hash_table import Hit
from infra.safety.pictures import (
    PictureLimits,
    PictureRefusedError,
    look_at,
)
from infra.safety.reading import Reading
from schemas.policy_limits import Limits
from schemas.safety import Action, Coverage, Finding, Medium, Picture, Stage, Subject

GUARD: Final = "PictureGuard"
"""Who finds that a picture passes a limit, and says that nobody here knows what it shows."""
UNSEEN: Final = "picture"

_VERSION: Final = "1"


class HashListDetector:
    """Looks things up in block lists, those of the installation and the tenant's own.

    Args:
        lists: What is known.
        limits: Of pictures.
    """

    name = "HashListDetector"
    version = _VERSION
    stages = frozenset(Stage)
    media = frozenset(Medium)

    def __init__(self, lists: KnownLists, limits: PictureLimits | None = None) -> None:
        self._lists = lists
        self._limits = limits or Limits()

    def check(self, reading: Reading) -> Sequence[Finding]:
        """Return what is known of a subject; whatever it is, it is no error."""
        subject = reading.subject
        known = [one for one in self._lists.of(subject.tenant_id) if len(one.table)]
        if subject.picture is not None:
            return self._of_picture(subject.picture, subject.stage, known)
        if not known or not (subject.text or subject.exact):
            return ()
        texts = {subject.exact or "", subject.text, reading.text} - {""}
        return [
            _finding(listed, hit)
            for listed in known
            for one in sorted(texts)
            for hit in listed.table.exact(one.encode("utf-8", "surrogatepass"))
        ]

    def unpacks(self, subject: Subject) -> bool:
        """Tell whether ``check`` unpacks a picture: some milliseconds, or tens of them."""
        if subject.picture is None:
            return False
        return subject.stage is not Stage.OUTPUT or any(
            one.table.needs_looks for one in self._lists.of(subject.tenant_id)
        )

    def _of_picture(
        self, picture: Picture, stage: Stage, known: Sequence[Listed]
    ) -> Sequence[Finding]:
        unseen = Finding(GUARD, _VERSION, UNSEEN, 0.0, coverage=Coverage.PARTIAL)
        found = [
            _finding(listed, hit)
            for listed in known
            for hit in listed.table.exact(picture.data)
        ]
        if picture.given is not None:
            found += [
                _finding(listed, hit)
                for listed in known
                for hit in listed.table.of_digest(picture.given)
            ]
        # What the operator's own model servers make was looked at when it came. It is unpacked
        # only if there is something to hold it against.
        wanted = any(listed.table.needs_looks for listed in known)
        if stage is Stage.OUTPUT and not wanted:
            return (*found, unseen)
        try:
            found += self._alike(picture.data, known)
        except PictureRefusedError as refusal:
            if stage is Stage.OUTPUT:
                return (*found, replace(unseen, coverage=Coverage.NONE))
            return (*found, Finding(GUARD, _VERSION, refusal.rule, 1.0))
        return (*found, unseen)

    def _alike(self, data: bytes, known: Sequence[Listed]) -> Iterator[Finding]:
        for square in look_at(data, self._limits).squares:
            looks = looks_of(square) if known else None
            for listed in known:
                if looks is not None and listed.table.needs_looks:
                    for hit in listed.table.near(looks):
                        yield _finding(listed, hit)


def _finding(listed: Listed, hit: Hit) -> Finding:
    one = listed.lists[hit.place]
    return Finding(
        HashListDetector.name,
        f"{_VERSION}.{one.revision}",
        one.category,
        1.0 - hit.distance / hit.bits,
        evidence={
            "list": one.name,
            "algorithm": hit.algorithm.value,
            "distance": hit.distance,
            "action": Action(one.action).word,
        },
    )
