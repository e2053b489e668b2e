"""What a server tells of a job's cost, as typed values."""

from genq.cost_models import JobCost, JobUsage
from genq.json_fields import Fields


def read_job_usage(fields: Fields | None) -> JobUsage | None:
    """Return what a job used, if anything was told."""
    if fields is None:
        return None
    return JobUsage(
        input_tokens=fields.maybe_number("input_tokens"),
        output_tokens=fields.maybe_number("output_tokens"),
        cached_tokens=fields.maybe_number("cached_tokens"),
        reasoning_tokens=fields.maybe_number("reasoning_tokens"),
        images=fields.maybe_number("images"),
    )


def read_job_cost(fields: Fields | None) -> JobCost | None:
    """Return what a job cost, if it has a price."""
    if fields is None:
        return None
    return JobCost(
        actual=fields.maybe_float("actual") or 0.0,
        estimated=fields.maybe_float("estimated"),
        currency=fields.maybe_text("currency") or "usd",
    )
