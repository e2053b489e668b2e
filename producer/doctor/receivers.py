"""Do the receivers of webhooks take what they are sent."""

from typing import Final

from infra.postgres.engine import transaction
from infra.postgres.receiver_counts import DownReceiver, down_receivers
from producer.doctor.finding import Finding, fine, warning
from producer.doctor.subject import Subject
from schemas.job import iso_ms

_CHECK: Final = "receivers"
_WHY_DISABLED: Final = {
    "failing": "nothing was taken for five days",
    "gone": "the answer was 410",
    "asked": "the answer had the header webhook-delivery: disable",
}


async def look_at_receivers(subject: Subject) -> list[Finding]:
    """Look for receivers that are down, and endpoints that disabled themselves."""
    async with transaction(subject.engine) as connection:
        told = await down_receivers(connection)
    found: list[Finding] = []
    if told.open:
        several = f"{told.open} receivers of webhooks do not answer and are"
        who = "1 receiver of webhooks does not answer and is" if told.open == 1 else several
        found.append(
            warning(
                _CHECK,
                f"{who} tried by probes alone",
                "what they are owed waits for up to 76 hours, then it ends as exhausted",
                "tell their owners; genq webhook deliveries shows what they answered",
                tuple(_shown(one) for one in told.longest),
            )
        )
    found += [
        warning(
            _CHECK,
            f"{count} webhook {'endpoint is' if count == 1 else 'endpoints are'} disabled:"
            f" {_WHY_DISABLED[reason]}",
            "what they are owed waits for up to 76 hours; new events are not kept for them",
            "genq webhook endpoints shows which; enable them when they are mended, then genq"
            " webhook recover",
        )
        for reason, count in told.disabled.items()
    ]
    return found or [fine(_CHECK, "no receiver of webhooks is down")]


def _shown(one: DownReceiver) -> str:
    since = "" if one.failing_since is None else f" since {iso_ms(one.failing_since)}"
    return f"{one.origin} of {one.tenant}{since}, {one.waiting} waiting"
