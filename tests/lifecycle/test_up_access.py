"""The key that `genq up` prints: an operator's, and one that works."""

from dataclasses import replace
from pathlib import Path

from infra.api_keys import digest_of
from infra.embedded.credentials import Credentials, read_or_make_credentials
from infra.embedded.database import TENANT, Access, ensure_access
from infra.postgres.api_keys import FoundKey, find_key
from schemas.scopes import EVERYTHING
from tests.fixtures.harness import Harness


def ensure(genq: Harness, credentials: Credentials, path: Path) -> Access:
    return genq.in_transaction(lambda c: ensure_access(c, genq.settings, credentials, path))


def found(genq: Harness, access: Access) -> FoundKey:
    pepper = genq.settings.key_pepper.get_secret_value()
    digest = digest_of(access.credentials.api_key, pepper)
    key = genq.in_transaction(lambda c: find_key(c, digest))
    assert key is not None
    return key


def test_it_may_do_everything_also_if_an_older_release_made_it(
    genq: Harness, tmp_path: Path
) -> None:
    path = tmp_path / "credentials.json"
    credentials = read_or_make_credentials(path)

    made = ensure(genq, credentials, path)
    assert (made.tenant.name, made.credentials) == (TENANT, credentials)
    assert found(genq, made).caller.scopes == EVERYTHING

    genq.sql("UPDATE api_key SET scopes = NULL")
    assert ensure(genq, credentials, path) == made
    assert found(genq, made).caller.scopes == EVERYTHING
    assert len(genq.sql("SELECT id FROM api_key")) == 1


def test_one_that_was_revoked_is_replaced_and_the_folder_knows_it(
    genq: Harness, tmp_path: Path
) -> None:
    path = tmp_path / "credentials.json"
    credentials = read_or_make_credentials(path)
    ensure(genq, credentials, path)
    genq.sql("UPDATE api_key SET revoked_at = now()")

    renewed = ensure(genq, credentials, path)

    assert renewed.credentials.api_key != credentials.api_key
    assert replace(renewed.credentials, api_key=credentials.api_key) == credentials
    assert read_or_make_credentials(path) == renewed.credentials
    assert found(genq, renewed).works
