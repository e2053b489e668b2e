"""A job's stream tells what happened to it, in order, to whoever comes and comes back."""

from infra.settings import Settings
from tests.api.served import Served, run
from tests.api.streams import streaming


def test_a_watched_job_tells_its_story_and_ends_the_stream(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        async with streaming(api, job["urls"]["events"]) as stream:
            queued = await stream.until("queued")
            position = await stream.until("position")
            await api.end(job["id"], pictures=[b"png"])
            types = await stream.rest()

        assert stream.retry > 0
        assert (queued.id, queued.data["job_id"]) == ("0", job["id"])
        assert position.data["position"] == 1
        assert types == ["queued", "started", "job.succeeded"]
        assert stream.events[-1].id == "end"
        assert stream.events[-1].data["job"]["output"]["artifacts"][0]["bytes"] == 3
        assert not api.services.live.watched

    run(settings, scenario)
