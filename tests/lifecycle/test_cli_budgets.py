"""`genq tenant budget`, as an operator types it."""

import pytest

from producer.operator.command_line import parse
from schemas.budget import Budget, BudgetPeriod, BudgetUnit, OnExhausted
from tests.fixtures.harness import Harness
from tests.fixtures.operating import operate, shell_of


def test_budgets_are_set_and_shown_with_what_is_spent_and_held(genq: Harness) -> None:
    shell = shell_of(genq.settings)
    genq.tenant("acme")

    made = operate("tenant budget acme --images-per-day 100 --money-per-month 20.5", shell)
    facts = operate("tenant budget acme --images-per-day none --json", shell).facts()
    nobody = operate("tenant budget acm", shell)

    assert made.code == 0, made.err
    heading, *rows = made.out.splitlines()
    assert heading.split()[:4] == ["end", "user", "unit", "per"]
    assert rows[0].split()[1:7] == ["money", "month", "$20.50", "$0.00", "$0.00", "$20.50"]
    assert rows[1].split()[1:5] == ["images", "day", "100", "images"]
    assert (facts["tenant"], facts["unit"], facts["left"]) == ("acme", "money", 20.5)
    assert nobody.code == 3
    assert "acme" in nobody.err
    actions = genq.sql("SELECT action FROM audit_log ORDER BY seq")
    assert [row.action for row in actions] == ["budget.set", "budget.set", "budget.deleted"]


def test_amounts_are_read_by_their_unit(capsys: pytest.CaptureFixture[str]) -> None:
    def read(*flags: str) -> object:
        return parse(["tenant-budget", "acme", *flags]).wanted

    line = "tenant-budget acme --money-per-day $0.5 --end-user * --on-exhausted park"
    wanted = parse([*line.split(), "--tokens-per-day", "none"]).wanted
    assert wanted.setting == (
        Budget("*", BudgetUnit.MONEY, BudgetPeriod.DAY, 500_000, OnExhausted.PARK),
    )
    assert wanted.dropping == ((BudgetUnit.TOKENS, BudgetPeriod.DAY),)

    for flags, told in {
        ("--images-per-day", "1.5"): "images come whole",
        ("--images-per-day", "many"): "--images-per-day",
        ("--images-per-day", "-1"): "--images-per-day",
        ("--on-exhausted", "wait"): "--on-exhausted",
    }.items():
        with pytest.raises(SystemExit) as left:
            read(*flags)
        assert left.value.code == 2
        assert told in capsys.readouterr().err
