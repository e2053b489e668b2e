"""`genq keys` as a process: what it makes, prints, replaces and ends."""

import json

from infra.api_keys import digest_of
from infra.postgres.api_keys import FoundKey, find_key
from schemas.scopes import OWN_TENANT, KeyScope
from tests.fixtures.api_stub import Home
from tests.fixtures.harness import Harness
from tests.fixtures.operating import operate, shell_of


def found(genq: Harness, key: str) -> FoundKey:
    digest = digest_of(key, genq.settings.key_pepper.get_secret_value())
    stored = genq.in_transaction(lambda c: find_key(c, digest))
    assert stored is not None
    return stored


def test_a_key_is_made_listed_rotated_and_revoked(home: Home, genq: Harness) -> None:
    pepper = genq.settings.key_pepper.get_secret_value()
    shell = {**shell_of(genq.settings), "GENQ_KEY_PEPPER": pepper}
    genq.tenant("acme")

    made = operate("keys create acme --name ci --scopes jobs:read,admin --expires 3600", shell)
    plain = operate("keys create acme --json", shell).facts()
    key = made.out.strip()

    # Alone, so that a script can take it.
    assert (made.code, made.out) == (0, f"{key}\n")
    assert key not in made.err
    assert found(genq, key).caller.scopes == {KeyScope.JOBS_READ, KeyScope.ADMIN}
    assert found(genq, plain["key"]).caller.scopes == OWN_TENANT
    assert made.events()[0]["event"] == "key_created"

    rotated = operate(f"keys rotate {key[:8]} --overlap PT10M --json", shell).facts()
    listed = operate("keys ls acme --json", shell)
    revoked = operate(f"keys revoke {plain['id']}", shell)

    old = found(genq, key)
    assert old.seconds_left is not None
    assert 500 < old.seconds_left <= 600
    assert found(genq, rotated["key"]).caller.scopes == old.caller.scopes
    lines = [json.loads(line) for line in listed.out.splitlines()]
    assert [line["name"] for line in lines] == ["ci", "made by an operator", "ci"]
    assert lines[2]["replaced_by"] == lines[0]["id"] == rotated["id"]
    assert not any("key" in line for line in lines)
    assert (revoked.code, found(genq, plain["key"]).works) == (0, False)


def test_a_key_that_is_not_there_is_told_without_repeating_it(
    home: Home, genq: Harness
) -> None:
    secret = "gq_0123456789abcdef"

    ended = operate(f"keys revoke {secret}", shell_of(genq.settings))

    assert (ended.code, secret in ended.err) == (3, False)
    assert "there is no API key gq_01234…" in ended.err
