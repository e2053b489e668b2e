"""Every generation leaves a line and numbers, under the names that monitoring expects."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from schemas.errors import GenqError, ModelRefusedError, ModelUnavailableError
from tests.fixtures.harness import Harness

LOST = ModelUnavailableError("the server is gone")
REFUSED = ModelRefusedError("not this")


class Counted:
    """How much samples rose since this was made."""

    def __init__(self) -> None:
        self._before = self._all()

    def __getitem__(self, sample: tuple[str, dict[str, str]]) -> float:
        name, labels = sample
        key = (name, tuple(sorted(labels.items())))
        return self._all().get(key, 0) - self._before.get(key, 0)

    @staticmethod
    def _all() -> dict[Any, float]:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in REGISTRY.collect()
            for sample in family.samples
        }


@contextmanager
def line_of(event: str) -> Generator[dict[str, Any]]:
    """Yield what will hold the only line of this event."""
    found: dict[str, Any] = {}
    with capture_logs() as lines:
        yield found
    (line,) = [line for line in lines if line["event"] == event]
    found.update(line)


def run_one(genq: Harness, **request: Any) -> None:
    genq.submit(**request)
    genq.release()
    genq.work_one()


def test_a_completed_generation_is_told_with_the_fields_of_its_line(genq: Harness) -> None:
    counted = Counted()
    with line_of("generation_completed") as line:
        run_one(genq, prompt="a heron at dawn", end_user="ada@example.org")

    assert line["model"] == "test-image"
    assert 0 < line["processing_time"] < 60
    assert line["content_length"] > 50
    assert (line["status"], line["outcome"]) == ("succeeded", "ok")
    assert line["user_id"].startswith("usr_")
    assert "ada" not in str(line)
    assert "heron" not in str(line)
    # Nothing scored it, and the model server told of no tokens: nothing is made up.
    assert {"confidence_score", "tokens_used"} & set(line) == set()
    done = {"model": "test-image", "lane": "fast", "status": "succeeded", "face": "native"}
    assert counted["genai_generation_requests_total", done] == 1
    assert counted["genai_generation_duration_seconds_count", {"model": "test-image"}] == 1
    assert counted["genq_provider_requests_total", {"server": "painter", "outcome": "ok"}] == 1


def test_an_end_user_is_one_pseudonym_a_tenant_and_a_name_only_if_allowed(
    genq: Harness,
) -> None:
    def user(**request: Any) -> str:
        with line_of("generation_completed") as line:
            run_one(genq, end_user="ada", **request)
        return line["user_id"]

    first = user()
    assert user() == first
    assert user(tenant="globex") != first
    genq.settings = genq.settings.model_copy(update={"log_end_users": True})
    assert user() == "ada"


@pytest.mark.parametrize(
    ("failure", "status", "error_type"),
    [
        (REFUSED, "blocked", "model:model_refused_content"),
        (LOST, "failed", "model:model_unavailable"),
    ],
)
def test_a_failed_generation_is_told_with_its_error(
    genq: Harness, failure: GenqError, status: str, error_type: str
) -> None:
    genq.settings = genq.settings.model_copy(update={"max_attempts": 1})
    genq.provider.failures.append(failure)
    counted = Counted()
    with line_of("generation_failed") as line:
        run_one(genq)

    assert (line["status"], line["error_code"]) == (status, failure.code)
    assert line["error_id"].startswith("err_")
    assert line["model"] == "test-image"
    assert "content_length" not in line
    assert counted["genai_errors_total", {"error_type": error_type}] == 1
    ended = {"model": "test-image", "lane": "fast", "status": status, "face": "native"}
    assert counted["genai_generation_requests_total", ended] == 1
    blocked = counted["genai_safety_violations_total", {"violation_type": failure.code}]
    assert blocked == (status == "blocked")


def test_an_attempt_whose_job_goes_on_is_no_end_of_a_generation(genq: Harness) -> None:
    genq.provider.failures.append(LOST)
    counted = Counted()
    with line_of("attempt_ended") as line:
        run_one(genq)

    assert line["retry_in_s"] >= 0
    assert "status" not in line
    gone = {"server": "painter", "outcome": "model_unavailable"}
    assert counted["genq_provider_requests_total", gone] == 1
    ended = {"model": "test-image", "lane": "fast", "status": "failed", "face": "native"}
    assert counted["genai_generation_requests_total", ended] == 0
