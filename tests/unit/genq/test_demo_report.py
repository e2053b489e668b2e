"""The demonstration ends with one screen that tells every step with its measured time."""

from dataclasses import replace
from pathlib import Path

import pytest

from genq import Job
from genq.cli.demo import DemoFailedError, Inbox
from genq.cli.demo_report import Story, Times, as_object, report_lines
from genq.cli.receiver import Received
from genq.decoding import read_job
from genq.models import Output
from tests.fixtures.sample_job import JOB

TIMES = Times(servers=3.0, all=6.5)


def story_of(job: Job, *files: str) -> Story:
    receipt = Received(
        {"id": "evt_1", "type": "job.succeeded", "data": {"id": job.id}}, "", 11.5
    )
    return Story(
        job=job,
        sent_at=10.0,
        accepted=0.25,
        files=tuple(Path("out") / name for name in files),
        receipt=receipt,
    )


def stories() -> list[Story]:
    image = read_job(JOB)
    words = replace(image, id="job_02", kind="chat", output=Output(text="A kite\nabove waves."))
    return [story_of(image, "kite-0.png", "kite-1.png"), story_of(words)]


def test_each_step_is_told_with_its_time() -> None:
    lines = report_lines(stories(), TIMES, None)

    text = "\n".join(lines)
    assert "image job_01, model sim-image-1" in lines
    assert "    0.250  accepted" in text
    assert "    0.350  started" in text
    assert "    1.250  finished: drawn, 2 images of 8x9 stored" in text
    assert "    1.500  announced: job.succeeded received, signature verified" in text
    assert '"A kite above waves."' in text
    assert "The images: kite-0.png, kite-1.png in out/" in lines
    assert "All of it took 6.5 s, 3.0 s of them to start the servers." in lines


def test_no_step_seems_to_come_before_the_one_that_led_to_it() -> None:
    # The answer to the submit was slow to come back; the job went on meanwhile.
    slow = replace(stories()[0], accepted=1.0)

    assert slow.started() < slow.finished() <= slow.announced()


def test_it_fits_one_screen() -> None:
    lines = report_lines(stories(), TIMES, Path("/tmp/genq-demo/data"))

    assert len(lines) <= 28
    assert max(map(len, lines)) <= 80


def test_the_kept_data_is_shown_with_the_command_that_uses_it() -> None:
    assert "The data is kept: genq up --data-dir kept" in report_lines(
        stories(), TIMES, Path("kept")
    )


def test_json_tells_the_same() -> None:
    told = as_object(stories(), TIMES, None)

    assert told["files"] == ["out/kite-0.png", "out/kite-1.png"]
    assert told["seconds"] == 6.5


def test_a_refused_webhook_ends_the_demonstration() -> None:
    inbox = Inbox()
    inbox.put(Received({}, "webhook not verified: No matching signature found", 0.0))

    with pytest.raises(DemoFailedError, match="No matching signature"):
        inbox.wait_for("job_01")


def test_a_webhook_is_handed_to_who_waits_for_its_job() -> None:
    inbox = Inbox()
    receipt = Received({"id": "evt_1", "data": {"id": "job_01"}}, "", 0.0)
    inbox.put(receipt)

    assert inbox.wait_for("job_01") is receipt
