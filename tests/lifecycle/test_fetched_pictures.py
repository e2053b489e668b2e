"""Pictures that jobs name by URLs: fetched, made plain and judged before a model sees them."""

import base64
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any, Final

from PIL import Image

from infra.safety.reading import Reading
from schemas.errors import InputError
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.job import JobRecord, JobRequest
from schemas.job_states import AttemptOutcome, JobState
from schemas.model_catalog import ModelServer, ModelSpec
from schemas.picture_references import MOST_SHOWN
from schemas.safety import Finding, Medium, Stage
from tests.fixtures.harness import Harness
from tests.fixtures.hostile_talks import Talk, never
from tests.fixtures.judging import Frank, judge
from tests.fixtures.listed_moderation import moderation_with
from tests.fixtures.model_server import png
from tests.fixtures.picture_host import PictureHost, picture_host, status, whole
from tests.fixtures.pictures import encoded
from tests.fixtures.reviewing import ADA, DOUBTFUL, Office, let_people_decide
from worker.attempts import AttemptRunner
from worker.pipeline.picture_opening import open_pictures
from worker.pipeline.stages.fetch import Fetch
from worker.pipeline.stages.moderate_prompt import ModeratePrompt

KINDS: Final = (Kind.IMAGE, Kind.IMAGE_EDIT, Kind.CHAT)


def photo(colour: str = "red") -> bytes:
    """A JPEG file of 20 x 10 pixels, to be seen as 10 x 20, that says where it was made."""
    told = Image.Exif()
    told[0x0112], told[0x010E] = 6, "at home"
    image = Image.new("RGB", (20, 10), colour)
    return encoded(image, "JPEG", exif=told.tobytes())


class Eyes(Frank):
    """Keeps what it is shown, and finds violence in blue."""

    stages = frozenset({Stage.PROMPT})
    media = frozenset({Medium.IMAGE})

    def __init__(self) -> None:
        super().__init__("Eyes")
        self.shown: list[bytes] = []

    def check(self, reading: Reading) -> Sequence[Finding]:
        """Find."""
        picture = reading.subject.picture
        assert picture is not None
        self.shown.append(picture.data)
        with Image.open(BytesIO(picture.data)) as image:
            blue = image.convert("RGB").resize((1, 1)).getpixel((0, 0)) == (0, 0, 254)
        return [Finding(self.name, "1", "violence", 0.9)] if blue else []


@dataclass
class Scene:
    """A harness, its pictures' host, and who looks at them."""

    genq: Harness
    host: PictureHost
    talks: dict[str, Talk]
    eyes: Eyes

    def submit(self, kind: Kind, tenant: str = "acme", **given: Any) -> str:
        owner = self.genq.tenant(tenant)
        wanted = JobRequest.model_validate({"kind": kind, "input": given})
        made = self.genq.do(self.genq._submitter.submit(owner, wanted))
        return format_id("job", made.job.id)

    def run(self, kind: Kind, **given: Any) -> JobRecord:
        job_id = self.submit(kind, **given)
        self.genq.run_until_idle()
        return self.genq.job(job_id)

    def edit(self, *images: str, **more: Any) -> JobRecord:
        return self.run(Kind.IMAGE_EDIT, prompt="bluer", images=list(images), **more)

    def seen(self) -> Any:
        """Return what the model was given last."""
        return self.genq.provider.calls[-1].input


@contextmanager
def opened(genq: Harness, **settings: Any) -> Generator[Scene]:
    talks: dict[str, Talk] = {"/photo": whole(photo(), "text/plain")}
    hosting = picture_host(talks)
    host = genq.do(hosting.__aenter__())
    specs = tuple(ModelSpec(name="test-image", kind=kind) for kind in KINDS)
    server = ModelServer(name="painter", base_url="http://painter.invalid/v1", models=specs)
    genq.settings = genq.settings.model_copy(
        update={
            "model_servers": (server,),
            "picture_http": True,
            **settings,
        }
    )
    opening = open_pictures(genq.settings, genq._engine, genq.store)
    sources = genq.do(opening.__aenter__())
    eyes = Eyes()
    judge(genq, Frank(), eyes)
    genq.stages = (genq.stages[0], Fetch(sources), *genq.stages[1:])
    yield Scene(genq, host, talks, eyes)
    genq.do(opening.__aexit__(None, None, None))
    genq.do(hosting.__aexit__(None, None, None))


def bytes_of(url: str) -> bytes:
    return base64.b64decode(url.partition(",")[2])


def show(*urls: Any) -> list[dict[str, Any]]:
    parts = [{"type": "image_url", "image_url": url} for url in urls]
    return [{"role": "user", "content": [{"type": "text", "text": "what is this?"}, *parts]}]


def test_a_model_sees_a_plain_picture_and_never_the_url(genq: Harness) -> None:
    with opened(genq) as scene_:
        url = f"{scene_.host.url}/photo?token=secret"
        mask = Image.new("RGBA", (10, 20), (0, 0, 0, 255))
        mask.putpixel((3, 3), (9, 8, 7, 0))
        scene_.talks["/mask"] = whole(encoded(mask))
        job = scene_.edit(url, mask=f"{scene_.host.url}/mask")
        assert job.state is JobState.SUCCEEDED
        # The input is kept as it was sent.
        assert job.input["images"] == [url]
        given = scene_.seen()
        shown = bytes_of(given["images"][0])
        with Image.open(BytesIO(shown)) as image:
            assert (image.format, image.size) == ("JPEG", (10, 20))
        assert b"at home" not in shown
        with Image.open(BytesIO(bytes_of(given["mask"]))) as image:
            assert (image.mode, image.getpixel((3, 3))) == ("RGBA", (9, 8, 7, 0))
        # Who judges saw what the model saw.
        assert scene_.eyes.shown == [shown, bytes_of(given["mask"])]


def test_a_conversation_shows_plain_pictures_however_they_are_named(genq: Harness) -> None:
    with opened(genq) as scene_:
        url = f"{scene_.host.url}/photo?token=secret"
        bare = base64.b64encode(png(size=(30, 30))).decode()
        messages = show({"url": url, "detail": "low"}, url, bare)
        scene_.run(Kind.CHAT, messages=messages)
        parts = scene_.seen()["messages"][0]["content"]
        shown = parts[2]["image_url"]
        assert shown.startswith("data:image/jpeg;base64,")
        assert parts[1]["image_url"] == {"url": shown, "detail": "low"}
        assert parts[3]["image_url"].startswith("data:image/png;base64,")
        # What is named twice is fetched once.
        assert len(scene_.host.heads) == 1
        # An artifact of one's own is shown as it is, and a file is not.
        made = f"{format_id('job', scene_.run(Kind.IMAGE, prompt='a kite').id)}/0"
        scene_.run(Kind.CHAT, messages=show(made))
        stored = genq.objects / genq.job(made.partition("/")[0]).artifacts[0].key
        content = scene_.seen()["messages"][0]["content"]
        assert bytes_of(content[1]["image_url"]) == stored.read_bytes()


def test_pictures_are_judged_as_they_came_and_as_they_are_shown(genq: Harness) -> None:
    with opened(genq) as scene_:
        scene_.talks["/blue"] = whole(photo("blue"))
        for job in (
            scene_.edit(f"{scene_.host.url}/blue"),
            scene_.run(Kind.CHAT, messages=show(f"{scene_.host.url}/blue")),
        ):
            assert job.state is JobState.BLOCKED
        # A list knows the very bytes that came, which nobody is shown any more.
        stages = [
            ModeratePrompt(moderation_with(photo()), one._evidence)
            if isinstance(one, ModeratePrompt)
            else one
            for one in genq.stages
        ]
        genq.stages = tuple(stages)
        inline = f"data:image/jpeg;base64,{base64.b64encode(photo()).decode()}"
        for reference in (f"{scene_.host.url}/photo", inline):
            assert scene_.edit(reference).state is JobState.BLOCKED
        scene_.talks["/other"] = whole(photo("green"))
        assert scene_.edit(f"{scene_.host.url}/other").state is JobState.SUCCEEDED
        assert len(genq.provider.calls) == 1


def test_what_people_let_pass_is_the_picture_that_they_saw(genq: Harness) -> None:
    let_people_decide(genq)
    with opened(genq) as scene_:
        office = Office(genq)
        scene_.talks["/kept"] = whole(png("red", (30, 30)))
        scene_.talks["/swapped"] = whole(png("red", (30, 30)))
        jobs = {
            name: scene_.submit(
                Kind.IMAGE_EDIT, prompt=DOUBTFUL, images=[f"{scene_.host.url}/{name}"]
            )
            for name in ("kept", "swapped")
        }
        genq.run_until_idle()
        for job_id in jobs.values():
            assert genq.job(job_id).state is JobState.HELD
            office.decide(ADA, office.item(job_id))
        scene_.talks["/swapped"] = whole(png("green", (30, 30)))
        genq.run_until_idle()
        states = {name: genq.job(job_id).state for name, job_id in jobs.items()}
        assert states == {"kept": JobState.SUCCEEDED, "swapped": JobState.HELD}
        assert len(genq.provider.calls) == 1


def test_what_is_not_to_be_had_fails_at_once_or_after_some_tries(genq: Harness) -> None:
    with opened(genq, max_attempts=2) as scene_:
        scene_.talks["/broken"] = status("500 Oh")
        gone = scene_.edit(f"{scene_.host.url}/photo", f"{scene_.host.url}/gone?token=secret")
        assert (gone.state, gone.attempts) == (JobState.FAILED, 1)
        assert gone.error is not None
        assert "/input/images/1" in gone.error["message"]
        assert "secret" not in gone.error["message"]
        broken = format_id("job", scene_.edit(f"{scene_.host.url}/broken").id)
        genq.advance(timedelta(minutes=10))
        genq.run_until_idle()
        job = genq.job(broken)
        assert (job.state, job.attempts) == (JobState.DEAD, 2)
        assert job.error is not None
        assert job.error["code"] == "picture_unavailable"
        assert genq.provider.calls == []
        # What can be seen at once is refused at the door, with its place.
        for given, place in (
            (show("http://10.0.0.1/a"), "/input/messages/0/content/1/image_url"),
            (show("a.png"), "/input/messages/0/content/1/image_url"),
            (show(*["file-" + "0" * 26] * 65), f"/input/messages/0/content/{MOST_SHOWN + 1}"),
        ):
            with_place = refusal(scene_, given)
            assert any(one.startswith(place) for one in with_place), with_place


def refusal(scene_: Scene, messages: list[dict[str, Any]]) -> list[str]:
    try:
        scene_.submit(Kind.CHAT, messages=messages)
    except InputError as error:
        return [fault.pointer for fault in error.fields]
    return []


def test_twenty_jobs_of_a_slow_host_do_not_hold_up_another_tenant(genq: Harness) -> None:
    """Of four slots one is lent to the host; who finds it taken waits in the queue."""
    genq.tenant("slow")
    with opened(genq, slots=4, picture_fetch_timeout=timedelta(seconds=1)) as scene_:
        scene_.talks["/silent"] = never
        slow = {"prompt": "bluer", "images": [f"{scene_.host.url}/silent"]}
        held = [scene_.submit(Kind.IMAGE_EDIT, "slow", **slow) for _ in range(20)]
        wanted = scene_.submit(Kind.IMAGE, prompt="a kite")
        pointers = genq.release()
        assert len(pointers) == 21
        # The last of all.
        pointers.sort(key=lambda one: format_id("job", one.job_id) == wanted)
        runner = AttemptRunner(
            genq._engine, genq.settings, genq._doorbells, genq.session, genq.stages
        )

        async def work() -> float:
            began = time.monotonic()
            took = 0.0

            def ended() -> None:
                nonlocal took
                took = took or (time.monotonic() - began if genq.provider.calls else 0.0)

            await runner.run(pointers, ended)
            await runner.close()
            return took

        assert genq.do(work()) < 0.9
        assert genq.job(wanted).state is JobState.SUCCEEDED
        assert scene_.host.most_open == 1
        outcomes = [genq.outcomes(job_id) for job_id in held]
        # None of those that waited has used up a try.
        assert sorted(one for (one,) in outcomes) == sorted(
            [AttemptOutcome.ERROR, *[AttemptOutcome.SNOOZED] * 19]
        )
        assert (
            sum(genq.job(job_id, "slow").state is JobState.SCHEDULED for job_id in held) == 20
        )
