"""What an attempt is charged: by the server that answered, by what came, once."""

from typing import Any
from uuid import UUID

import pytest

from infra.cache_settings import CacheCharge
from infra.settings import Settings
from schemas.cost import NEXT_TO_NOTHING, Cost
from schemas.generation import Kind, Usage
from schemas.model_catalog import ModelServer, ModelSpec, Price
from tests.fixtures.claims import chat_claim, image_claim
from worker.accountant import Accountant
from worker.pipeline.job_run import JobRun, ServedBy
from worker.providers.picture import Picture
from worker.providers.provider import Reply

EARLIER = UUID("019aa0c5-4b10-7cc3-9f2e-5d0f6b8a1c2e")
PICTURE = Picture(b"", "image/png", 1024, 512)


def server(name: str, price: Price | None, kind: Kind = Kind.IMAGE) -> ModelServer:
    model = "sim-image-1" if kind is Kind.IMAGE else "sim-chat-1"
    spec = ModelSpec(name=model, kind=kind, price=price)
    return ModelServer(name=name, base_url="http://a.invalid/v1", models=(spec,))


def accountant(*servers: ModelServer, charge: CacheCharge = CacheCharge.NONE) -> Accountant:
    values: dict[str, Any] = {
        "database_url": "postgresql://unused",
        "broker_url": "redis://unused",
        "object_store": "file:///unused",
        "key_pepper": "only-for-tests-0123456789",
        "model_servers": servers,
        "cache_charge": charge,
    }
    return Accountant(Settings(**values))


DEAR = server("dear", Price(per_image=0.04, per_megapixel=0.02, per_million_tokens=100))
CHEAP = server("cheap", Price(per_image=0.01))
CHAT = server("talker", Price(per_million_tokens=10), Kind.CHAT)


def made(by: str, **more: Any) -> JobRun:
    usage = Usage(images=1, input_tokens=6, output_tokens=4)
    reply = Reply(pictures=(PICTURE,), usage=usage)
    served = ServedBy("sim-image-1", by, 1.5)
    claim = image_claim(cost=Cost(1000, images=1))
    return JobRun(claim, output=reply, served_by=served, **more)


@pytest.mark.parametrize(("by", "charged"), [("dear", 51_000), ("cheap", 10_000)])
def test_the_server_that_answered_sets_the_price_and_what_came_the_amount(
    by: str, charged: int
) -> None:
    books = accountant(DEAR, CHEAP)

    work = books.work_of(made(by))
    facts = books.result_of(made(by), work)["facts"]

    # Four cents, half a megapixel at two, and ten tokens that pictures took.
    assert (work.charged, work.worth) == (charged, charged)
    assert facts["took"] == [1, 1024 * 512, 6, 0, 4, 0, charged, 1500]
    # The dearest server's, as a budget holds it back.
    assert facts["cost"] == {"estimated": 60_000, "actual": charged}


@pytest.mark.parametrize(
    ("charge", "charged"), [(CacheCharge.NONE, 0), (CacheCharge.FULL, 51_000)]
)
def test_an_earlier_jobs_output_costs_what_the_installation_says(
    charge: CacheCharge, charged: int
) -> None:
    books, run = accountant(DEAR, charge=charge), made("dear", cached_of=EARLIER)

    work = books.work_of(run)

    assert (work.charged, work.worth, work.milliseconds) == (charged, 0, 0)
    assert work.cached
    free = charge is CacheCharge.NONE
    assert (books.actual_of(run) == NEXT_TO_NOTHING) is free
    assert books.result_of(run, work)["facts"]["cached_of"].startswith("job_")


def test_without_a_price_there_is_no_cost() -> None:
    books = accountant(server("free", None))

    work = books.work_of(made("free"))

    assert (work.charged, work.worth) == (None, 0)
    assert "cost" not in books.result_of(made("free"), work)["facts"]


def test_numbers_that_no_column_holds_are_cut() -> None:
    usage = Usage(input_tokens=10**30, output_tokens=1)
    reply = Reply(text="", usage=usage)
    run = JobRun(
        chat_claim(cost=Cost(1000, tokens=5)),
        output=reply,
        served_by=ServedBy("sim-chat-1", "talker"),
    )
    work = accountant(CHAT).work_of(run)

    assert max(work.numbers()) == 2**40
    assert work.charged == 10**12


def test_what_the_model_saw_is_kept_where_it_was_not_the_input() -> None:
    books = accountant(DEAR)
    same = made("dear", told=dict(image_claim().input))
    other = made(
        "dear", told={"prompt": "[redacted]", "images": ["data:image/png;base64,AAAA"]}
    )

    assert "told" not in books.result_of(same, books.work_of(same))
    told = books.result_of(other, books.work_of(other))["told"]
    assert told["prompt"] == "[redacted]"
    assert told["images"][0].startswith("sha256:")
