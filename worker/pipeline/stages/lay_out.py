"""Between stages 2 and 3: the canvas of an edit that goes on beyond its picture."""

from dataclasses import replace

from schemas.generation import Kind
from worker.pipeline.job_run import JobRun
from worker.pipeline.outpainting import CANVAS, Outpainter


class LayOut:
    """Lays pictures on their canvases, once they were judged as they came.

    On a canvas a picture is another: no list of known material would know it again.
    """

    name = "lay_out"

    def __init__(self) -> None:
        self._outpainter = Outpainter()

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` with the canvas and its mask in the input, and in ``told``.

        Raises:
            InputError: The picture cannot be read.
        """
        claim = run.claim
        if claim.kind is not Kind.IMAGE_EDIT or claim.input.get(CANVAS) is None:
            return run
        laid = await self._outpainter.laid_out(claim.input)
        told = run.told
        if told is not None:
            rest = {name: value for name, value in told.items() if name != CANVAS}
            told = {**rest, "images": laid["images"], "mask": laid["mask"]}
        return replace(run, claim=replace(claim, input=laid), told=told)
