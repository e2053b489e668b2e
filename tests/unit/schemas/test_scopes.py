"""What a stored list of scopes grants."""

from schemas.scopes import EVERYTHING, OWN_TENANT, KeyScope, granted, in_order


def test_a_key_without_a_list_may_do_everything_of_its_own_tenant() -> None:
    assert granted(None) == OWN_TENANT == EVERYTHING - {KeyScope.ADMIN}


def test_a_list_grants_what_it_names_and_unknown_names_nothing() -> None:
    assert granted(["admin", "jobs:read", "moon:write"]) == {
        KeyScope.ADMIN,
        KeyScope.JOBS_READ,
    }
    assert granted([]) == frozenset()


def test_scopes_are_stored_once_each_in_one_order() -> None:
    assert in_order([KeyScope.ADMIN, KeyScope.JOBS_READ, KeyScope.ADMIN]) == [
        "jobs:read",
        "admin",
    ]
