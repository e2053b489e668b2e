"""Between stages 1 and 2: the pictures that an input names."""

from dataclasses import replace

from worker.pipeline.job_run import JobRun
from worker.pipeline.picture_sources import PictureSources


class Fetch:
    """Puts pictures that an input only names into it, where everybody who follows sees them.

    Those of edits, and those that conversations show.
    """

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
        brought = await self._sources.brought(claim)
        if brought is None:
            return run
        return replace(
            run,
            claim=replace(claim, input=brought.input),
            given=brought.given,
            fetched=claim.input if brought.remote else None,
        )
