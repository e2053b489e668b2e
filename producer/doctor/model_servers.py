"""Do the model servers answer, know our key, and offer what they are configured for?"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, cast

import httpx2

from producer.doctor.finding import Finding, fine, warning, wrong
from producer.doctor.subject import Subject
from schemas.model_catalog import ModelServer
from schemas.protocols import Protocol

_SECONDS: Final = 8.0
_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_CHECK: Final = "model_servers"
# Where a server of each protocol says that it is well; of others only an answer is wanted.
_ASKED: Final[Mapping[str, str]] = {
    Protocol.OPENAI: "/models",
    Protocol.COG: "/health-check",
    Protocol.COMFYUI: "/system_stats",
}


async def look_at_model_servers(subject: Subject) -> list[Finding]:
    """Ask each of them for its models."""
    servers = subject.settings.model_servers
    if not servers:
        return [
            warning(
                _CHECK,
                "none is configured",
                "no job can be accepted: no model is offered",
                "set GENQ_MODEL_SERVERS; infra/README.md shows how",
            )
        ]
    async with httpx2.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
        return list(
            await asyncio.gather(*(look_at_model_server(client, server) for server in servers))
        )


async def look_at_model_server(client: httpx2.AsyncClient, server: ModelServer) -> Finding:
    """Return how one of them is: asked in the words of its protocol, if there are any."""
    headers = {"authorization": f"Bearer {server.api_key.get_secret_value()}"}
    url = f"{server.base_url.rstrip('/')}{_ASKED.get(server.protocol, '/')}"
    try:
        answer = await client.get(url, headers=headers)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        said = str(error) or type(error).__name__
        return wrong(
            _CHECK,
            f"{server.name}: {url} does not answer: {said}",
            "jobs for its models wait and are tried again, in vain",
            "is it running, and is base_url right, for OpenAI's API up to and including /v1?",
        )
    if server.protocol not in _ASKED:
        # What it says there is not known.
        return fine(_CHECK, f"{server.name}: it answers; what its models do is not asked")
    if answer.status_code in _REFUSED:
        return wrong(
            _CHECK,
            f"{server.name}: it does not take our key (HTTP {answer.status_code})",
            "every call to it would fail",
            "give its api_key in GENQ_MODEL_SERVERS",
        )
    if answer.status_code != HTTPStatus.OK:
        return warning(
            _CHECK,
            f"{server.name}: GET {url} answers {answer.status_code}",
            "it may still serve its models, but not tell which",
            f"is base_url where its {server.protocol} API begins?",
        )
    if server.protocol != Protocol.OPENAI:
        return fine(_CHECK, f"{server.name}: it answers as a {server.protocol} server does")
    return _judge(server, _offered(answer))


def _offered(answer: httpx2.Response) -> dict[str, str] | None:
    """Return the models and whose they are; ``None`` if the answer is not OpenAI's."""
    try:
        told: Any = answer.json()
        rows = cast("list[dict[str, Any]]", told["data"])
        return {str(row["id"]): str(row.get("owned_by", "")) for row in rows}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _judge(server: ModelServer, offered: dict[str, str] | None) -> Finding:
    if offered is None:
        return warning(
            _CHECK,
            f"{server.name}: it answers, but not as OpenAI's API does",
            "it may be another server than you think",
            "does base_url end in /v1?",
        )
    named = list(dict.fromkeys(model.name for model in server.models))
    missing = [name for name in named if name not in offered]
    if missing:
        return warning(
            _CHECK,
            f"{server.name}: it does not list {', '.join(missing)}",
            "jobs for what it does not have would fail",
            f"it lists {', '.join(sorted(offered)[:5]) or 'nothing'}; is the name spelled so?",
        )
    simulated = " of the development simulator" if _is_simulator(server, offered) else ""
    count = len(named)
    models = "1 model" if count == 1 else f"{count} models"
    return fine(_CHECK, f"{server.name}: it answers and offers {models}{simulated}")


def _is_simulator(server: ModelServer, offered: dict[str, str]) -> bool:
    return any(offered.get(model.name) == "genq-simulator" for model in server.models)
