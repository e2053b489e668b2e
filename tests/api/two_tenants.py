"""One tenant that has a bit of everything, and what a stranger who knows its ids can try.

A new route is covered by itself, as far as its parameters are known here: a path parameter, a
query parameter or a body that is not fails the test until somebody says what it means.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final
from uuid import UUID

import orjson
from fastapi.routing import APIRoute

from infra.progress import News
from producer.api.app import create_app
from producer.api.services import Services
from schemas.ids import Prefix, format_id, parse_id
from tests.api.belongings import batched, listed, of_operators, of_people, policy, reported
from tests.api.dead_letters import dead
from tests.api.delivery_history import History
from tests.api.served import IMAGE, Served, new_key
from tests.api.stranger_bodies import BODIES, CANARY, RESPONSE

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Kinds of ids, by the name under which paths, queries and bodies take them.
_IDS: Final[Mapping[str, Prefix]] = {
    "job_id": "job",
    "schedule_id": "sched",
    "key_id": "key",
    "endpoint_id": "whe",
    "delivery_id": "whd",
    "event_id": "evt",
    "recovery_id": "whr",
    "erasure_id": "ers",
    "hold_id": "hold",
    "review_id": "rev",
    "file_id": "file",
    "batch_id": "batch",
    "response_id": "resp",
    "binding_id": "chb",
}
_JOB: Final[Mapping[str, Any]] = {
    "kind": "image",
    "input": {"prompt": CANARY},
    "metadata": {"secret": CANARY},
    "end_user": CANARY,
    "tags": [CANARY],
}
_PLACE: Final = re.compile(r"\{(\w+)\}")

# What stands in queries beside ids: words of the victim's, and what tells nothing of anybody.
_WORDS: Final[Mapping[str, Sequence[str]]] = {
    "tag": (CANARY,),
    "end_user": (CANARY,),
    "metadata": (CANARY,),
    "prefix": (CANARY[:3],),
    "platform": ("discord",),
    "category": (CANARY,),
    "tenant": ("acme",),
}
_NEUTRAL: Final = frozenset(
    {
        "limit", "count", "status", "lane", "kind", "model", "error_code", "attempts_min",
        "created_after", "created_before", "type", "wait", "last_event_id", "at", "code",
        "since", "until", "event_type", "outcome", "status_code", "trigger", "started_after",
        "started_before", "state", "origin", "order", "purpose", "include",
        "stream", "starting_after", "from", "to", "interval", "group_by", "labels", "width",
        "format",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Attempt:
    """One call that a stranger makes, with ids of somebody's."""

    template: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Any = None


@dataclass(frozen=True)
class Estate:
    """What a tenant has, by the name under which routes take it."""

    ids: Mapping[str, Sequence[str]]
    jobs: Mapping[str, str]

    def everything(self) -> set[str]:
        """Every id."""
        return {one for name in _IDS for one in self.ids[name]}

    def invented(self) -> "Estate":
        """Ids that nobody has, made like these: one bit is another."""
        ids = {
            name: [_another(name, one) if name in _IDS else one for one in found]
            for name, found in self.ids.items()
        }
        return Estate(ids, {})


async def settle(api: Served) -> Estate:
    """Give the tenant of ``api`` a job in every state, a schedule, a key and a webhook."""
    history = History(api)
    endpoint = (await history.endpoint(f"https://example.com/{CANARY}", name=CANARY)).shown
    body = dict(_JOB)
    queued = await api.submit({**body, "unique": {"key": CANARY}}, {"Idempotency-Key": CANARY})
    done, running = await api.submit(body), await api.submit(body)
    await api.end(done["id"], pictures=[CANARY.encode()])
    claim = await api.claim(running["id"])
    await api.services.progress.send([News(claim.job_id, (), preview=CANARY.encode())])
    lost = await dead(api, body)
    made = await api.http.post(
        "/v1/schedules", json={"name": CANARY, "cron": "@daily", "request": body}
    )
    sent = (await history.get("/webhook_deliveries"))["data"]
    recovery = await api.http.post(
        f"/v1/webhook_endpoints/{endpoint}/recover", json={"since": "2026-01-01T00:00:00Z"}
    )
    jobs = {"queued": queued["id"], "done": done["id"], "running": running["id"], "dead": lost}
    ids = {
        "job_id": list(jobs.values()),
        "schedule_id": [made.json()["id"]],
        "key_id": [(await api.http.post("/v1/keys", json={"name": CANARY})).json()["id"]],
        "endpoint_id": [endpoint],
        "delivery_id": [sent[0]["id"]],
        "event_id": [sent[0]["event_id"]],
        "recovery_id": [recovery.json()["id"]],
        "response_id": [(await api.http.post("/v1/responses", json=RESPONSE)).json()["id"]],
        "review_id": [await reported(api, done["id"])],
        **await of_operators(api),
        **await batched(api),
        **await of_people(api),
        "list": [await listed(api)],
        "version": [await policy(api)],
        "index": ["0"],
        "format": ["png"],
        "model": [CANARY],
        "tenant": ["acme"],
    }
    return Estate(ids, jobs)


async def stranger(api: Served) -> dict[str, str]:
    """Return the headers of another tenant, which has a job of its own."""
    headers = {"Authorization": f"Bearer {await new_key(api.services, 'stranger')}"}
    own = await api.http.post("/v1/jobs", json=IMAGE, headers=headers)
    assert own.status_code == 202
    return headers


def routes_of(services: Services) -> list[APIRoute]:
    """Every route of the application that needs a key."""
    routes = [one for one in create_app(services).routes if isinstance(one, APIRoute)]
    return [route for route in routes if (route.openapi_extra or {}).get("security")]


def attempts(route: APIRoute, estate: Estate) -> Iterator[Attempt]:
    """Every call of a route that could reach what is the estate's."""
    (method,) = (route.methods or set()) & set(_METHODS)
    extra = route.openapi_extra or {}
    bodies: Sequence[Any] = [None]
    queries: Sequence[dict[str, str]] = [{}]
    # An operator's route is closed to whoever is none, before it reads anything.
    if "/admin/" not in route.path:
        queries = [{}, *_queries(route, extra["parameters"], estate)]
        if "requestBody" in extra:
            bodies = list(_filled(BODIES[_known(route, BODIES, route.name)], estate))
    names = _PLACE.findall(route.path_format)
    for name in names:
        _known(route, estate.ids, name)
    for values in product(*(estate.ids[name] for name in names)):
        found = dict(zip(names, values, strict=True))
        path = route.path_format.format(**found)
        for query, body in product(queries, bodies):
            yield Attempt(route.path, method, path, query, body)


def _queries(
    route: APIRoute, parameters: Sequence[Mapping[str, Any]], estate: Estate
) -> Iterator[dict[str, str]]:
    for told in parameters:
        name = told["name"]
        if told["in"] != "query" or name in _NEUTRAL:
            continue
        if name == "after":
            # A cursor: whatever kind of id it is, all are tried.
            for one in sorted(estate.everything()):
                yield {name: one}
            continue
        asked = "metadata.secret" if name == "metadata" else name
        values = estate.ids[name] if name in _IDS else _WORDS[_known(route, _WORDS, name)]
        for value in values:
            yield {asked: value}


def _filled(bodies: Sequence[Any], estate: Estate) -> Iterator[Any]:
    """Put every id of the estate where a body says ``{job_id}``."""
    for body in bodies:
        text = orjson.dumps(body).decode()
        named = [name for name in _IDS if f'"{{{name}}}"' in text]
        for values in product(*(estate.ids[name] for name in named)):
            filled = text
            for name, value in zip(named, values, strict=True):
                filled = filled.replace(f"{{{name}}}", value)
            yield orjson.loads(filled)


def _known(route: APIRoute, known: Mapping[str, Any], name: str) -> str:
    if name not in known:
        raise AssertionError(
            f"{route.name} ({route.path}) takes {name!r}: say in tests/api/two_tenants.py what "
            "another tenant could put there"
        )
    return name


def _another(name: str, shown: str) -> str:
    prefix = _IDS[name]
    return format_id(prefix, UUID(int=parse_id(prefix, shown).int ^ 1))
