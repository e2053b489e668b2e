"""The delivery process dies by SIGKILL; no broker has a part in it."""

from infra.settings import Settings
from tests.faults.test_kill import JOBS, play
from tests.fixtures.processes import System


def test_a_delivery_process_killed_at_work_tells_again_under_the_same_id(
    settings: Settings,
) -> None:
    async def scene(running: System) -> None:
        running.model.gate.set()
        await running.start("dispatch", "deliver", "work")
        jobs = await running.submit(JOBS)
        await running.until("some were told", lambda: len(running.receiver.requests) > 0)

        await running.kill("deliver")
        await running.start("deliver")
        await running.until_all_ended()

        await running.assert_each_succeeded_once(jobs)

    play(settings, scene)
