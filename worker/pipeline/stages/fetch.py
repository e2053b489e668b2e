"""Between stages 1 and 2: the pictures that an edit begins with."""

from dataclasses import replace

from schemas.generation import Kind
from worker.pipeline.job_run import JobRun
from worker.pipeline.picture_sources import PictureSources


class Fetch:
    """Puts pictures that an input only names into it, where everybody who follows sees them."""

    name = "fetch"

    def __init__(self, sources: PictureSources) -> None:
        self._sources = sources

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run``, in the claim of which no picture is a name.

        Raises:
            InputError: A picture is not there, or is none.
            GenqError: It cannot be read now.
        """
        claim = run.claim
        if claim.kind is not Kind.IMAGE_EDIT:
            return run
        return replace(run, claim=replace(claim, input=await self._sources.told(claim)))
