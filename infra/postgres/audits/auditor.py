"""All rules, asked one after the other; each is a statement and so a snapshot of its own."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.audits.attempt_rules import ATTEMPT_RULES
from infra.postgres.audits.budget_rules import BUDGET_RULES
from infra.postgres.audits.ledger_rules import LEDGER_RULES
from infra.postgres.audits.queue_rules import QUEUE_RULES
from infra.postgres.audits.rule import Rule, Scope, Violation, break_of

RULES: Final[tuple[Rule, ...]] = tuple(
    sorted(
        (*LEDGER_RULES, *QUEUE_RULES, *ATTEMPT_RULES, *BUDGET_RULES),
        key=lambda rule: rule.invariant,
    )
)
_SETTLING: Final = frozenset(rule.id for rule in RULES if rule.settles)


async def find_violations(
    connection: AsyncConnection, scope: Scope, rules: Sequence[Rule] = RULES
) -> list[Violation]:
    """Return what breaks the rules now.

    Of a rule that settles, a finding may be right for a moment: see ``may_settle``.
    """
    asked = [await break_of(connection, rule, scope) for rule in rules]
    return [violation for violation in asked if violation is not None]


def may_settle(violations: Collection[Violation]) -> list[Rule]:
    """Return the rules to ask again a moment later before anything is said about them."""
    found = {violation.id for violation in violations} & _SETTLING
    return [rule for rule in RULES if rule.id in found]


def confirmed(first: Sequence[Violation], later: Sequence[Violation]) -> list[Violation]:
    """Return what is wrong after two looks.

    Args:
        first: What the first look found.
        later: What the rules of ``may_settle(first)`` found at the second.
    """
    again = {violation.id: violation for violation in later}
    kept: list[Violation] = []
    for violation in first:
        if violation.id not in _SETTLING:
            kept.append(violation)
        elif violation.id in again:
            still = violation.persisting(again[violation.id])
            if still.examples:
                kept.append(still)
    return kept
