"""What calls took is counted by what model servers told, and by their prices."""

from prometheus_client import REGISTRY

from schemas.cost import Cost
from schemas.generation import Kind, Usage
from schemas.model_catalog import ModelServer, ModelSpec, Price
from tests.fixtures.claims import chat_claim, image_claim
from worker.call_counts import CallCounts

SERVER = ModelServer(
    name="counted",
    base_url="http://counted.invalid/v1",
    models=(
        ModelSpec(name="dear", kind=Kind.IMAGE, price=Price(per_image=0.04)),
        ModelSpec(name="wordy", kind=Kind.CHAT, price=Price(per_million_tokens=2)),
        ModelSpec(name="free", kind=Kind.IMAGE),
    ),
)


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"server": "counted", **labels}) or 0.0


def test_tokens_and_dollars_are_those_of_the_answers() -> None:
    counts = CallCounts()
    painted = image_claim(model="dear", cost=Cost(images=2), input={"prompt": "x", "n": 2})
    written = chat_claim(model="wordy", cost=Cost(tokens=1), input={})

    counts.of(SERVER, Kind.IMAGE).used(painted, Usage(images=2))
    counts.of(SERVER, Kind.IMAGE).used(image_claim(model="free"), Usage(images=2))
    counts.of(SERVER, Kind.CHAT).used(written, Usage(input_tokens=300, output_tokens=200))

    assert value("genq_spend_dollars_total", model="dear") == 0.08
    assert value("genq_spend_dollars_total", model="wordy") == 0.001
    assert value("genq_spend_dollars_total", model="free") == 0
    assert value("genq_tokens_total", model="wordy", direction="input") == 300
    assert value("genq_tokens_total", model="wordy", direction="output") == 200
