"""What counts of a policy besides its thresholds, when a tenant's document follows another."""

from collections.abc import Sequence

from schemas.policy_detectors import DetectorDocument
from schemas.policy_document import PolicyDocument
from schemas.policy_duties import Retention, Reviewing
from schemas.policy_limits import Limits


def limits_of(documents: Sequence[PolicyDocument]) -> Limits:
    """Return of each limit the smallest."""
    found = documents[0].limits
    for document in documents[1:]:
        given = document.limits.model_dump(exclude_unset=True)
        found = found.model_copy(update=given).smaller(found)
    return found


def detectors_of(documents: Sequence[PolicyDocument]) -> dict[str, DetectorDocument]:
    """Return what counts of each detector: what the installation switched off stays off."""
    found: dict[str, DetectorDocument] = {}
    for document in documents:
        for name, rule in document.detectors.items():
            before = found.get(name, DetectorDocument())
            given = {field: getattr(rule, field) for field in rule.model_fields_set}
            enabled = before.enabled and rule.enabled
            found[name] = before.model_copy(update={**given, "enabled": enabled})
    return found


def review_of(documents: Sequence[PolicyDocument]) -> Reviewing:
    """Return how people decide; where one document wants two of them, there are two."""
    found = documents[0].review
    for document in documents[1:]:
        rule = document.review
        given = {field: getattr(rule, field) for field in rule.model_fields_set}
        both = dict.fromkeys((*found.second_reviewer, *rule.second_reviewer))
        found = found.model_copy(update={**given, "second_reviewer": tuple(both)})
    return found


def retention_of(documents: Sequence[PolicyDocument]) -> Retention:
    """Return of each term the shortest."""
    found = documents[0].retention
    for document in documents[1:]:
        rule = document.retention
        shorter = {
            field: min(getattr(found, field), getattr(rule, field))
            for field in rule.model_fields_set
        }
        found = found.model_copy(update=shorter)
    return found
