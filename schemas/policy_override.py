"""What a tenant's document may not say, because it is the installation's to decide."""

from collections.abc import Iterator
from typing import Final

from schemas.policy_document import PolicyDocument
from schemas.policy_spans import written
from schemas.policy_tiers import floors_of

Path = tuple[str, ...]

_OPERATORS: Final = ("map", "escalation")


def override_faults(
    document: PolicyDocument, installation: PolicyDocument
) -> Iterator[tuple[Path, str]]:
    """Yield what a tenant's document takes upon itself, as paths and sentences."""
    for name in _OPERATORS:
        if name in document.model_fields_set:
            yield (name,), "only the installation's policy says this: leave it out"
    floors = floors_of(installation)
    for name, rule in document.categories.items():
        if rule.floor and name not in floors:
            yield (
                ("categories", name, "floor"),
                "only the installation's policy names floors: leave it out",
            )
    yield from _larger(document, installation)
    for name, rule in document.detectors.items():
        theirs = installation.detectors.get(name)
        if (
            theirs
            and not theirs.enabled
            and "enabled" in rule.model_fields_set
            and rule.enabled
        ):
            yield ("detectors", name, "enabled"), "the installation has switched it off"
    for name in sorted(document.provenance.model_fields_set - {"visible_label"}):
        yield ("provenance", name), "only the installation's policy says this: leave it out"


def _larger(
    document: PolicyDocument, installation: PolicyDocument
) -> Iterator[tuple[Path, str]]:
    for name, value in document.limits.model_dump(exclude_unset=True).items():
        most = getattr(installation.limits, name)
        if value > most:
            yield ("limits", name), f"{value:g} is more than the installation allows, {most:g}"
    for name in sorted(document.retention.model_fields_set):
        value, most = (getattr(one.retention, name) for one in (document, installation))
        if value > most:
            told = str(most) if isinstance(most, int) else written(most)
            yield ("retention", name), f"is longer than the installation allows, {told}"
