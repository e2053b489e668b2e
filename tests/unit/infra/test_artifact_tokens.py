"""A token of an artifact link says what it was made to say, and nothing else is a token."""

from uuid import UUID

import pytest

from infra.artifact_tokens import ArtifactGrant, ArtifactTokens
from infra.portal_tokens import PortalTokens

GRANT = ArtifactGrant(7, UUID("0190b7c2-33a0-7cc0-8d3e-2f1f0b6f9a10"), 3, 1_795_000_000)
TOKENS = ArtifactTokens("a pepper")


def test_a_token_says_what_it_was_made_to_say() -> None:
    token = TOKENS.make(GRANT)
    assert token.startswith("gqa_")
    assert token.replace("-", "").replace("_", "").isalnum()
    assert TOKENS.read(token) == GRANT


def test_any_changed_character_makes_it_no_token() -> None:
    token = TOKENS.make(GRANT)
    for place, character in enumerate(token):
        other = "A" if character != "A" else "B"
        assert TOKENS.read(token[:place] + other + token[place + 1 :]) is None, place


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "gqa_",
        "gqa_é",
        "gqa_" + "A" * 400,
        TOKENS.make(GRANT)[4:],
        TOKENS.make(GRANT)[:-1],
        TOKENS.make(GRANT) + "=",
        TOKENS.make(GRANT) + "A",
        TOKENS.make(GRANT) + "\n",
        ArtifactTokens("another pepper").make(GRANT),
    ],
)
def test_what_was_not_made_here_is_no_token(wrong: str) -> None:
    assert TOKENS.read(wrong) is None


def test_the_key_is_not_that_of_portal_links() -> None:
    assert TOKENS._key != PortalTokens("a pepper")._key
