"""N's worker: the ORM, the openai SDK, a file, a signed webhook; every client is reused."""

import base64
import functools
import json
import uuid
from pathlib import Path

import httpx2
from celery import Celery
from openai import OpenAI
from standardwebhooks import Webhook

from infra.clock import SystemClock
from tests.bench.baseline.naive_rows import NaiveJob, session
from tests.bench.baseline.settings import fact
from tests.bench.orders import SEED

app = Celery("naive", broker=fact("broker"), set_as_current=False)
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False)


@functools.cache
def _model() -> OpenAI:
    return OpenAI(base_url=fact("model"), api_key="none", max_retries=0)


@functools.cache
def _receivers() -> httpx2.Client:
    return httpx2.Client(timeout=15)


@app.task(name="naive.run")
def run(job_id: str) -> None:
    """Run one job to its end."""
    with session() as rows:
        job = rows.get_one(NaiveJob, uuid.UUID(job_id))
        job.status = "running"
        rows.commit()
        answer = _model().images.generate(
            model="sim-image-1", prompt=job.prompt, size=job.size, extra_body={"seed": SEED}
        )
        images = answer.data or []
        path = Path(fact("folder")) / f"{job_id}.png"
        path.write_bytes(base64.b64decode(images[0].b64_json or ""))
        job.status = "succeeded"
        job.result = {"file": str(path)}
        rows.commit()
        url = job.webhook
    _tell(url, job_id)


def _tell(url: str, job_id: str) -> None:
    now = SystemClock().now()
    event = f"evt_{uuid.uuid4().hex}"
    body = json.dumps(
        {"type": "job.succeeded", "data": {"id": job_id, "status": "succeeded"}, "id": event}
    )
    headers = {
        "content-type": "application/json",
        "webhook-id": event,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(fact("secret")).sign(event, now, body),
    }
    _receivers().post(url, content=body, headers=headers).raise_for_status()
