"""What jobs used of limits per time beyond what was reserved for them, or less. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

from infra.postgres.finish import Ending
from schemas.claim import Claim
from schemas.errors import GenqError
from schemas.model_accounts import CALLS, ModelAccount, account_owner, limit_key, tenant_owner
from schemas.picture_errors import PictureBusyError
from schemas.queue_errors import IdenticalJobRunsError


def overspent(endings: Sequence[Ending], accounts: Sequence[ModelAccount]) -> Counter[str]:
    """Return units per limiter's key: used beyond the reservation, or not used (negative)."""
    found: Counter[str] = Counter()
    for ending in endings:
        if ending.actual is None:
            continue
        reserved = ending.claim.cost
        units = {
            "images": ending.actual.images - reserved.images,
            "tokens": ending.actual.tokens - reserved.tokens,
        }
        _enter(found, ending.claim, units, accounts)
    return found


def unused(claims: Sequence[Claim], accounts: Sequence[ModelAccount]) -> Counter[str]:
    """Return the same of attempts that asked no model: all that was reserved, the call too."""
    found: Counter[str] = Counter()
    for claim in claims:
        units = {"requests": -1, "images": -claim.cost.images, "tokens": -claim.cost.tokens}
        _enter(found, claim, units, accounts)
        for account in accounts:
            if account.per_second and claim.model in account.models:
                found[limit_key(account_owner(account), CALLS)] -= 1
    return found


def asked_nobody(error: GenqError) -> bool:
    """Return whether a job that this put back had not come as far as a model."""
    return isinstance(error, IdenticalJobRunsError | PictureBusyError)


def _enter(
    found: Counter[str],
    claim: Claim,
    units: Mapping[str, int],
    accounts: Sequence[ModelAccount],
) -> None:
    for unit, difference in units.items():
        if not difference:
            continue
        found[limit_key(tenant_owner(claim.tenant_id), unit)] += difference
        for account in accounts:
            if claim.model in account.models and unit in account.per_minute:
                found[limit_key(account_owner(account), unit)] += difference
