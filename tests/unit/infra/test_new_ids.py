"""Keys: what follows from a key is a key of the same instant, and the same each time."""

from infra.new_ids import key_after, new_key


def test_what_follows_from_a_key_is_one_key_of_the_same_instant() -> None:
    key, other = new_key(), new_key()
    after = key_after(key, "job.queued")

    assert after == key_after(key, "job.queued")
    assert len({key, after, key_after(key, "job.started"), key_after(other, "job.queued")}) == 4
    assert (after.version, after.variant) == (7, key.variant)
    assert after.bytes[:6] == key.bytes[:6]
