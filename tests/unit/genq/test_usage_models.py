"""What the SDK tells of usage and cost is what the service's document tells."""

from dataclasses import fields
from typing import Any

import pytest

from genq.cost_models import JobCost, JobUsage
from genq.usage import UsageCounts
from tests.unit.genq.test_models import SHAPES


@pytest.mark.parametrize(
    ("model", "shape"),
    [(JobUsage, "UsageView"), (JobCost, "CostView"), (UsageCounts, "UsageTotals")],
)
def test_a_model_of_usage_has_the_fields_that_the_document_tells(
    model: Any, shape: str
) -> None:
    assert {one.name for one in fields(model)} == set(SHAPES[shape]["properties"])
