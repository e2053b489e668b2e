"""Inside a tenant, one end user cannot keep the others waiting."""

from collections import Counter
from datetime import timedelta

from tests.fixtures.harness import Harness


def users(genq: Harness) -> Counter[str | None]:
    rows = genq.sql("SELECT end_user FROM live JOIN job ON id = job_id WHERE state = 3")
    return Counter(row.end_user for row in rows)


def serve(genq: Harness, jobs: int) -> Counter[str | None]:
    """Release as if one slot fell free after the other."""
    served: Counter[str | None] = Counter()
    genq.silence_workers()
    genq.new_worker(slots=1)
    while served.total() < jobs:
        genq.turn()
        served += users(genq)
        genq.sql("DELETE FROM live WHERE state = 3")
    return served


def test_end_users_of_a_tenant_take_turns(genq: Harness) -> None:
    for _ in range(30):
        genq.submit(end_user="whale")
    for _ in range(5):
        genq.submit(end_user="minnow")
        genq.submit(end_user="shrimp")

    served = serve(genq, 12)

    assert served["minnow"] >= 3
    assert served["shrimp"] >= 3


def test_jobs_without_an_end_user_share_as_one_more(genq: Harness) -> None:
    for _ in range(30):
        genq.submit()
    for _ in range(6):
        genq.submit(end_user="minnow")

    served = serve(genq, 12)

    assert 5 <= served["minnow"] <= 7


def test_an_end_users_own_jobs_run_by_priority_then_age(genq: Harness) -> None:
    late = genq.submit(end_user="ann", priority=7)
    first = genq.submit(end_user="ann", priority=3)
    second = genq.submit(end_user="ann", priority=3)

    order = [genq.job(job).id for job in (first, second, late)]

    assert [pointer.job_id for pointer in genq.release()] == order


def test_a_shared_flow_gives_all_its_jobs(genq: Harness) -> None:
    for n in range(40):
        genq.submit(end_user=f"user-{n % 7}")
    genq.submit()

    genq.release()

    assert genq.sql("SELECT count(*) AS n FROM live WHERE state = 3")[0].n == 41


def test_an_end_users_job_that_falls_due_in_a_lone_tenants_flow_gets_its_turn(
    genq: Harness,
) -> None:
    genq.submit()
    genq.submit(end_user="ann", run_at=60.0)
    genq.sql("UPDATE flow SET shared = false")
    genq.sql("INSERT INTO pool (model, paused_at) VALUES ('other', now())")
    genq.advance(timedelta(minutes=2))
    genq.reap()

    genq.release()

    assert users(genq)["ann"] == 1


def test_end_users_of_a_paused_model_do_not_hide_the_one_of_another(genq: Harness) -> None:
    for n in range(10):
        genq.submit(end_user=f"waits-{n}")
    genq.sql("INSERT INTO pool (model, paused_at) VALUES ('paused', now())")
    genq.sql("UPDATE live SET pool = (SELECT id FROM pool WHERE model = 'paused')")
    genq.submit(end_user="ready")

    assert serve(genq, 1) == {"ready": 1}
