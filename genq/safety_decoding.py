"""From the server's JSON to what safety checks say of a job."""

from genq.json_fields import Fields
from genq.safety_models import Safety, SafetyPolicy, SafetyReason


def read_safety(fields: Fields | None) -> Safety | None:
    """Return what a job's ``safety`` says, if it is there.

    Raises:
        UnexpectedAnswerError: A field that every verdict has is missing or of another type.
    """
    if fields is None:
        return None
    return Safety(
        verdict=fields.text("verdict"),
        stage=fields.text("stage"),
        is_safe=fields.found.get("is_safe") is True,
        confidence=fields.maybe_float("confidence") or 0.0,
        categories={
            name: float(score)
            for name, score in fields.mapping("categories").items()
            if isinstance(score, int | float)
        },
        violations=fields.texts("violations"),
        reasons=tuple(_reason(part) for part in fields.parts("reasons")),
        policy=_policy(fields.part("policy")),
        coverage=fields.maybe_text("coverage") or "full",
        automated=fields.found.get("automated") is not False,
        appeal_url=fields.maybe_text("appeal_url"),
    )


def _reason(fields: Fields) -> SafetyReason:
    return SafetyReason(
        rule=fields.text("rule"),
        category=fields.text("category"),
        action=fields.text("action"),
        detector=fields.text("detector"),
        score=fields.maybe_float("score") or 0.0,
        text=fields.text("text"),
        threshold=fields.maybe_float("threshold"),
    )


def _policy(fields: Fields | None) -> SafetyPolicy | None:
    if fields is None:
        return None
    return SafetyPolicy(
        fields.text("name"),
        fields.number("version"),
        fields.text("digest"),
        fields.text("level"),
    )
