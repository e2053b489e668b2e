"""Whatever fails, no secret and no prompt reaches the log."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any, Final

import httpx2

from infra.settings import Settings
from producer.api.services import open_services
from schemas.scopes import KeyScope
from tests.api.process import ended, environment, started, url_of
from tests.api.served import IMAGE, new_key
from tests.api.test_logs import broken_database

PROMPT: Final = "an unmentionable walrus"
DATABASE_PASSWORD: Final = "hunter2-of-postgres"
VALKEY_PASSWORD: Final = "hunter2-of-valkey"
S3_SECRET: Final = "hunter2-of-s3"
UNKNOWN_KEY: Final = "gq_" + "unknown" * 6
WEBHOOK: Final = "https://walrus:hunter2-of-hook@example.com/hook?token=hunter2-of-query"
_PATIENCE_SECONDS: Final = 20.0


async def fail_in_every_way(url: str, key: str, operator: str, database: str) -> set[str]:
    """Provoke every kind of refusal and fault; return what must not be told besides."""
    job = {"kind": "image", "input": {"prompt": PROMPT}}
    secrets: set[str] = set()
    async with httpx2.AsyncClient(base_url=url, timeout=_PATIENCE_SECONDS) as http:

        async def ask(method: str, path: str, *, bearer: str = key, **options: object) -> int:
            headers = {"Authorization": f"Bearer {bearer}"}
            answer = await http.request(method, path, headers=headers, **options)  # pyright: ignore[reportArgumentType] - options of any request
            if "json" in answer.headers["content-type"]:
                told: dict[str, Any] = answer.json()
                secrets.update(told[name] for name in ("key", "webhook_secret") if name in told)
            return answer.status_code

        statuses = [
            await ask("POST", "/v1/jobs", json=job),
            await ask("POST", "/v1/jobs", json=job, bearer=UNKNOWN_KEY),
            await ask("POST", "/v1/jobs", json={**job, PROMPT: PROMPT, "priority": PROMPT}),
            await ask("POST", "/v1/jobs", content=f'{{"prompt": "{PROMPT}'),
            await ask("POST", "/v1/jobs", json={**job, "model": PROMPT}),
            await ask("POST", "/v1/jobs", json={**job, "webhook": {"url": WEBHOOK}}),
            await ask("GET", "/v1/jobs", params={"status": PROMPT}),
            await ask("POST", "/v1/keys", json={"name": "one"}),
            await ask("POST", "/v1/admin/tenants", json={"name": "new"}, bearer=operator),
            await ask("POST", "/v1/admin/tenants", json={"name": "new"}),
            await ask("POST", "/v1/admin/tenants/new/webhook_secret", bearer=operator),
            await ask("GET", "/readyz"),
        ]
        with broken_database(database):
            statuses.append(await ask("POST", "/v1/jobs", json=job))
            statuses.append(await ask("GET", "/v1/jobs"))
    assert {400, 401, 403, 404, 500, 503} <= set(statuses), statuses
    assert len(secrets) >= 3
    return secrets


def test_no_secret_and_no_prompt_is_logged_whatever_fails(
    settings: Settings, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_services(settings) as services:
            key = await new_key(services, "acme")
            operator = await new_key(services, "operator", *KeyScope)
        database = settings.database_url.get_secret_value()
        secrets = {
            *(key, operator, UNKNOWN_KEY, PROMPT, DATABASE_PASSWORD, VALKEY_PASSWORD),
            *(S3_SECRET, "hunter2-of-hook", "hunter2-of-query", IMAGE["input"]["prompt"]),
            settings.key_pepper.get_secret_value(),
        }
        with_secrets = {
            "GENQ_DATABASE_URL": database.replace("postgres:@", "postgres@").replace(
                "//postgres@", f"//postgres:{DATABASE_PASSWORD}@"
            ),
            # Nobody listens there, so that Valkey and the store fail with their addresses.
            "GENQ_VALKEY_URL": f"redis://:{VALKEY_PASSWORD}@127.0.0.1:1/0",
            "GENQ_OBJECT_STORE": "s3://bucket/genq",
            "GENQ_S3_ENDPOINT": "http://127.0.0.1:1",
            "GENQ_S3_ACCESS_KEY": "access",
            "GENQ_S3_SECRET_KEY": S3_SECRET,
            "GENQ_LOG_LEVEL": "debug",
        }
        env = environment(settings) | with_secrets
        assert DATABASE_PASSWORD in env["GENQ_DATABASE_URL"]
        async with started(env=env, folder=tmp_path) as process:
            url = await url_of(process)
            secrets |= await fail_in_every_way(url, key, operator, database)
            process.send_signal(signal.SIGTERM)
            code, written, errors = await ended(process)

        assert code == 0
        faults = [line for line in written.splitlines() if "request_failed" in line]
        assert faults, "nothing failed"
        assert all(json.loads(line) for line in written.splitlines())
        for secret in secrets:
            assert secret not in written + errors, secret

    asyncio.run(scenario())
