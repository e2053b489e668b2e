"""Which changes of a policy one person alone may not make count."""

from collections.abc import Iterator
from typing import Any

from schemas.policy_document import PolicyDocument
from schemas.policy_tiers import floors_of


def grave_changes(document: PolicyDocument, before: PolicyDocument | None) -> list[str]:
    """Return the parts of a policy whose change two people must want: dotted paths.

    Args:
        document: What is to count.
        before: What counts now in its place; ``None`` if nothing does.
    """
    return list(_grave(document, before))


def _grave(document: PolicyDocument, before: PolicyDocument | None) -> Iterator[str]:
    if _levels(document) != _levels(before):
        yield "levels"
    names = floors_of(document) | floors_of(before or document)
    for name in sorted(names):
        if _rule(document, name) != _rule(before, name):
            yield f"categories.{name}"


def _levels(document: PolicyDocument | None) -> Any:
    return document.levels.model_dump(exclude_unset=True) if document else {}


def _rule(document: PolicyDocument | None, name: str) -> Any:
    rule = document.categories.get(name) if document else None
    return rule.model_dump(exclude_unset=True) if rule else {}
