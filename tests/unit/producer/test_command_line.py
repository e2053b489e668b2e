"""What operators type is judged before anything is reached."""

import pytest

from producer.operator.command_line import parse
from schemas.tenant_plan import PlanChange

Capture = pytest.CaptureFixture[str]


def test_what_was_not_named_is_not_part_of_a_change() -> None:
    given = parse(["tenant-set", "--weight=5", "--images-per-minute=None", "--", "-acme"])

    assert given.name == "-acme"
    assert given.change == PlanChange(weight=5, images_per_minute=None)
    assert given.change.model_fields_set == {"weight", "images_per_minute"}


def test_a_tenant_may_be_made_without_a_plan_of_its_own() -> None:
    assert parse(["tenant-set", "--create", "acme"]).change.model_fields_set == set()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["tenant-set", "acme"], "nothing to change; give one of --weight"),
        (
            ["tenant-set", "acme", "--weight=1000001"],
            "--weight: must be 1000000 or less, not '1000001'",
        ),
        (["tenant-set", "acme", "--weight=none"], "--weight: every tenant has one"),
        (["tenant-set", "acme", "--max-inflight=none"], "--max-inflight: every tenant has one"),
        (["tenant-set", "acme", "--max-inflight-total=-1"], "must be 1 or more, not '-1'"),
        (
            ["tenant-set", "acme", "--requests-per-minute=many"],
            "must be a whole number, such as 12, not 'many'",
        ),
        (
            ["tenant-set", "acme", "--tokens-per-minute=1.5"],
            "must be a whole number, such as 12, not '1.5'",
        ),
        (["tenant-set", " acme", "--create"], "NAME: ' acme' is no name"),
        (["tenant-ls", "--limit=0"], "--limit: 0: 1 to 1000"),
    ],
)
def test_a_mistake_is_told_in_a_line_with_what_to_do(
    words: list[str], hint: str, capsys: Capture
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words)

    assert ended.value.code == 2
    told, following = capsys.readouterr().err.splitlines()
    assert hint in told
    assert following == f"next: genq {words[0].replace('-', ' ')} --help"
