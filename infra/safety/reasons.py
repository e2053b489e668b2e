"""What is told to the person whose prompt or output did not simply pass."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schemas.safety import Action

_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sexual_minors": "the sexualisation of minors",
        "undress_real_person": "undressing a real person",
        "weapons_mass_harm": "weapons of mass harm",
        "sexual": "sexual content",
        "hate": "hate",
        "harassment": "harassment",
        "violence": "violence",
        "self_harm": "self-harm",
        "illicit": "help with something illicit",
        "weapons": "weapons",
        "malware": "malicious software",
        "fraud": "fraud",
        "privacy": "a breach of somebody's privacy",
        "injection": "an attempt to override instructions",
        "deception": "deception",
        "profanity": "profanity",
        "evasion": "an attempt to get around the checks",
        "secret": "a secret, such as a key or a password",
        "pii.email": "an e-mail address",
        "pii.phone": "a telephone number",
        "pii.card": "a payment card number",
        "pii.gov_id": "a number of an identity document",
    }
)
_WHAT_FOLLOWS: Final[Mapping[Action, str]] = MappingProxyType(
    {
        Action.ALLOW: "nothing follows",
        Action.FLAG: "it goes on, and is labelled",
        Action.REVIEW: "a person decides",
        Action.BLOCK: "it is blocked",
    }
)
_HELP: Final[Mapping[str, str]] = MappingProxyType(
    {
        "crisis_resources": (
            " If you are thinking of hurting yourself, please talk to somebody now: your local "
            "emergency number, or a helpline near you at https://findahelpline.com."
        )
    }
)


def because(rule: str, category: str, action: Action, *, redacted: bool = False) -> str:
    """Return one sentence: what was found, and what follows."""
    follows = "it was taken out" if redacted else _WHAT_FOLLOWS[action]
    if rule.startswith("limits."):
        return f"It is larger than the limit {rule} allows; {follows}."
    if rule.endswith(".on_error"):
        return f"A check that is needed did not answer; {follows}."
    if rule == "partial_coverage":
        return f"Not all of it could be understood; {follows}."
    if rule == "detectors.HashListDetector":
        return f"It is on a list of known content; {follows}."
    return f"It looks like {_name(category)}; {follows}."


def help_of(kind: str | None) -> str:
    """Return words of help, with a space before them; nothing for nothing."""
    return _HELP.get(kind, "") if kind else ""


def _name(category: str) -> str:
    if category in _NAMES:
        return _NAMES[category]
    if category.startswith("pii."):
        return "personal data"
    return category.replace("_", " ")
