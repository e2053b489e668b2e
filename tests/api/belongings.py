"""What a tenant is given for ``tests.api.two_tenants``, beside its jobs."""

from producer.chat.binding_desk import BindingDesk, Bound
from schemas.chat import Platform
from schemas.chat_binding import ChatRules
from schemas.chat_binding_views import binding_id
from tests.api.served import Served
from tests.api.stranger_bodies import CANARY


async def policy(api: Served) -> str:
    """Make more versions than the stranger will: each tenant counts its own."""
    document = {"policy": CANARY, "categories": {"violence": {"block": 0.5}}}
    made = [await api.http.post("/v1/safety/policies", json=document) for _ in range(4)]
    return str(made[-1].json()["version"])


async def listed(api: Served) -> str:
    """Make a block list; return its name."""
    await api.http.post("/v1/safety/hash_lists", json={"name": "theirs", "category": "canary"})
    body = {"lines": [f"{'ab' * 32} {CANARY}"]}
    await api.http.post("/v1/safety/hash_lists/theirs/entries", json=body)
    return "theirs"


async def reported(api: Served, job_id: str) -> str:
    """Report a job; return its review."""
    body = {"category": "other", "note": CANARY}
    report = await api.http.post(f"/v1/jobs/{job_id}/report", json=body)
    return report.json()["review"]


async def uploaded(api: Served) -> str:
    """Upload a file; return its id."""
    form = {"file": (f"{CANARY}.jsonl", CANARY.encode())}
    made = await api.http.post("/v1/files", data={"purpose": "batch"}, files=form)
    return made.json()["id"]


async def batched(api: Served) -> dict[str, list[str]]:
    """Make a batch of a file."""
    file = await uploaded(api)
    body = {
        "input_file_id": file,
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"secret": CANARY},
    }
    made = await api.http.post("/v1/batches", json=body)
    return {"file_id": [file], "batch_id": [made.json()["id"]]}


async def of_people(api: Served) -> dict[str, list[str]]:
    """Ask for an erasure."""
    asked = await api.http.post("/v1/privacy/erasures", json={"end_user": "nobody"})
    # Holds are the operators'.
    return {
        "erasure_id": [asked.json()["id"]],
        "hold_id": ["hold_01kb0q5v3mf0t8w2c7d4e9g6hj"],
    }


async def of_operators(api: Served) -> dict[str, list[str]]:
    """Bind a place; name what operators' routes take besides."""
    desk = BindingDesk(api.services.engine, api.services.doorbells)
    rules = ChatRules(models={"imagine": CANARY})
    place = Bound(Platform.DISCORD, "41771983423143937", "")
    made = await desk.put(place, "acme", lambda _: rules)
    return {
        "binding_id": [binding_id(made.id)],
        "platform": ["discord"],
        "server": ["painter"],
        "switch": ["drain"],
    }
