"""What lanes and tenants share when a model's account, and not the slots, is scarce."""

from collections import Counter

from infra.postgres.parks import park_for_pools
from schemas.lanes import Lane
from tests.fixtures.harness import MODEL, Harness
from tests.lifecycle.test_limits import finish_all, park_of, serve, server, submit_for


def test_lanes_share_a_scarce_account_by_their_weights(genq: Harness) -> None:
    serve(genq, server("painter", MODEL, requests_per_minute=30))
    for lane in Lane:
        for _ in range(60):
            genq.submit(lane=lane)
    served: Counter[int] = Counter()
    for _ in range(5):
        genq.release()
        served.update(row.lane for row in genq.sql("SELECT lane FROM live WHERE state = 3"))
        finish_all(genq)
        genq.sql("UPDATE limiter SET tat = tat - interval '1 min', closed_until = NULL")

    assert served[Lane.BATCH.number] >= served.total() // 15 - 1
    assert served[Lane.RELAX.number] > served[Lane.BATCH.number]


def test_a_job_above_an_accounts_burst_passes_although_others_want_it_too(
    genq: Harness,
) -> None:
    serve(genq, server("painter", MODEL, requests_per_minute=3, images_per_minute=5))
    genq.submit(lane=Lane.TURBO)
    genq.sql("UPDATE live SET images = 8")
    for _ in range(60):
        genq.submit(lane=Lane.FAST)
    large = genq.sql("SELECT job_id FROM live WHERE images = 8")[0].job_id
    for _ in range(8):
        genq.release()
        finish_all(genq)
        genq.sql(
            "UPDATE limiter SET tat = tat - interval '1 min',"
            " closed_until = closed_until - interval '1 min'"
        )

    assert genq.sql("SELECT 1 FROM live WHERE job_id = :id", id=large) == []


def test_a_job_for_an_open_model_submitted_meanwhile_is_not_parked(genq: Harness) -> None:
    serve(genq, server("painter", MODEL), server("other", "second"))
    submit_for(genq, "second")
    genq.submit()
    genq.sql("UPDATE pool SET paused_at = now() WHERE model = 'second'")
    closed = {row.id: 20.0 for row in genq.sql("SELECT id FROM pool WHERE model = 'second'")}
    open_pools = [row.id for row in genq.sql("SELECT id FROM pool WHERE model <> 'second'")]
    tenant = genq.tenant("acme").id

    genq.in_transaction(
        lambda c: park_for_pools(
            c, Lane.FAST, [tenant], closed=closed, open_pools=[0, *open_pools]
        )
    )

    assert park_of(genq, "acme") is None
