"""N's API: FastAPI, the ORM, and one Celery message a job."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from tests.bench.baseline.naive_rows import NaiveJob, NaiveTables, engine, session
from tests.bench.baseline.naive_tasks import run

NaiveTables.metadata.create_all(engine())
app = FastAPI()


class Submit(BaseModel):
    """The body that genq takes, as far as it is used."""

    kind: str
    input: dict[str, Any]
    webhook: dict[str, str]


@app.post("/v1/jobs", status_code=202)
def submit(body: Submit) -> dict[str, str]:
    """Write a job and publish it."""
    with session() as rows:
        job = NaiveJob(
            prompt=body.input["prompt"], size=body.input["size"], webhook=body.webhook["url"]
        )
        rows.add(job)
        rows.commit()
        found = str(job.id)
    run.delay(found)
    return {"id": found, "status": "queued"}
