"""What operators type is judged before anything is reached."""

from datetime import timedelta

import pytest

from producer.operator.command_line import parse
from schemas.scopes import KeyScope
from schemas.tenant_plan import PlanChange

Capture = pytest.CaptureFixture[str]


def test_what_was_not_named_is_not_part_of_a_change() -> None:
    given = parse(["tenant-set", "--weight=5", "--images-per-minute=None", "--", "-acme"])

    assert given.name == "-acme"
    assert given.wanted == PlanChange(weight=5, images_per_minute=None)
    assert given.wanted.model_fields_set == {"weight", "images_per_minute"}


def test_a_tenant_may_be_made_without_a_plan_of_its_own() -> None:
    assert parse(["tenant-set", "--create", "acme"]).wanted.model_fields_set == set()


def test_lists_are_typed_with_commas_and_any_lifts_them() -> None:
    words = ["tenant-set", "acme", "--allowed-lanes=fast, batch", "--allowed-models=any"]

    given = parse([*words, "--plan=none", "--safety-level=strict"])

    assert given.wanted.model_dump(exclude_unset=True, mode="json") == {
        "allowed_lanes": ["fast", "batch"],
        "allowed_models": None,
        "plan": None,
        "safety_level": "strict",
    }


def test_a_key_is_typed_with_its_scopes_and_its_end() -> None:
    made = parse(["key-create", "acme", "--scopes=jobs:read,admin", "--expires=60"]).wanted
    everything = parse(["key-create", "acme", "--scopes=all"]).wanted
    rotated = parse(["key-rotate", "key_1", "--overlap=PT1H"]).wanted

    assert (made.name, made.scopes, made.expires_at) == (
        "made by an operator",
        (KeyScope.JOBS_READ, KeyScope.ADMIN),
        60.0,
    )
    assert everything.scopes == tuple(KeyScope)
    assert (rotated.overlap, rotated.expires_at) == (timedelta(hours=1), None)


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
        (["tenant-set", "a/b", "--create"], "NAME: 'a/b' is no name"),
        (["tenant-set", "acme", "--allowed-lanes=slow"], "--allowed-lanes: must be 'turbo'"),
        (["tenant-set", "acme", "--allowed-kinds=none"], "give any, for all, or names"),
        (["tenant-set", "acme", "--safety-level=none"], "give one of off, relaxed"),
        (["tenant-ls", "--limit=0"], "--limit: 0: 1 to 1000"),
        (["key-create", "acme", "--scopes=jobs"], "--scopes: must be"),
        (["key-create", "acme", "--expires=2020-01-01"], "--expires: needs an offset"),
        (["key-rotate", "key_1", "--overlap=1d"], "--overlap: must be seconds, or an ISO"),
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
    command = words[0].replace("key-", "keys-").replace("-", " ")
    assert following == f"next: genq {command} --help"
