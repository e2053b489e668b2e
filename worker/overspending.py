"""What jobs used of limits per time beyond what was reserved for them, or less. Pure."""

from collections import Counter
from collections.abc import Sequence

from infra.postgres.finish import Ending
from schemas.model_accounts import ModelAccount, account_owner, limit_key, tenant_owner


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
        for unit, difference in units.items():
            if not difference:
                continue
            found[limit_key(tenant_owner(ending.claim.tenant_id), unit)] += difference
            for account in accounts:
                if ending.claim.model in account.models and unit in account.per_minute:
                    found[limit_key(account_owner(account), unit)] += difference
    return found
