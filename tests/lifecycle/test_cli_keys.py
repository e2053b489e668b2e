"""`genq keys` as a process: what it makes, prints, replaces and ends."""

import json
from typing import Any

import pytest

from infra.api_keys import digest_of
from infra.postgres.api_keys import FoundKey, find_key
from producer.operator.command_line import parse
from producer.operator.key_commands import run_keys
from producer.operator.screen import Screen
from schemas.errors import NotFoundError
from schemas.scopes import OWN_TENANT, KeyScope
from tests.fixtures.api_stub import Home
from tests.fixtures.harness import Harness
from tests.fixtures.operating import operate, shell_of

Capture = pytest.CaptureFixture[str]


def found(genq: Harness, key: str) -> FoundKey:
    digest = digest_of(key, genq.settings.key_pepper.get_secret_value())
    stored = genq.in_transaction(lambda c: find_key(c, digest))
    assert stored is not None
    return stored


def told(genq: Harness, out: Capture, *words: str) -> list[Any]:
    """Run a command beside the test, and return the JSON that it prints."""
    given = parse([*words, "--json"])
    out.readouterr()
    genq.do(run_keys(given, genq.settings, genq._engine, Screen(as_json=True)))
    lines = out.readouterr().out.splitlines()
    return [json.loads(line) for line in lines if line.startswith('{"id"')]


def test_a_key_is_printed_alone_so_that_a_script_can_take_it(home: Home, genq: Harness) -> None:
    pepper = genq.settings.key_pepper.get_secret_value()
    shell = {**shell_of(genq.settings), "GENQ_KEY_PEPPER": pepper}
    genq.tenant("acme")

    made = operate("keys create acme --name ci --scopes jobs:read,admin --expires 3600", shell)

    key = made.out.strip()
    assert (made.code, made.out) == (0, f"{key}\n")
    assert key not in made.err
    assert found(genq, key).caller.scopes == {KeyScope.JOBS_READ, KeyScope.ADMIN}
    assert made.events()[0]["event"] == "key_created"


def test_a_key_is_made_listed_rotated_and_revoked(genq: Harness, capsys: Capture) -> None:
    genq.tenant("acme")

    (old,) = told(genq, capsys, "key-create", "acme", "--name=ci", "--scopes=jobs:read")
    (plain,) = told(genq, capsys, "key-create", "acme")
    (new,) = told(genq, capsys, "key-rotate", old["key"][:8], "--overlap=PT10M")
    listed = told(genq, capsys, "key-ls", "acme")
    (revoked,) = told(genq, capsys, "key-revoke", plain["id"])

    left = found(genq, old["key"]).seconds_left
    assert left is not None
    assert 500 < left <= 600
    assert found(genq, new["key"]).caller.scopes == {KeyScope.JOBS_READ}
    assert found(genq, plain["key"]).caller.scopes == OWN_TENANT
    assert [line["name"] for line in listed] == ["ci", "made by an operator", "ci"]
    assert listed[2]["replaced_by"] == listed[0]["id"] == new["id"]
    assert not any("key" in line for line in listed)
    assert (revoked["status"], found(genq, plain["key"]).works) == ("revoked", False)


def test_a_key_that_is_not_there_is_told_without_repeating_it(
    genq: Harness, capsys: Capture
) -> None:
    with pytest.raises(NotFoundError) as refused:
        told(genq, capsys, "key-revoke", "gq_0123456789abcdef")

    assert "there is no API key gq_01234…;" in refused.value.message
