"""Stage 1: is this job still wanted, and still valid?"""

from pydantic import ValidationError

from schemas.errors import FieldError, InputError, JobCancelledError
from schemas.generation import INPUTS
from worker.pipeline.job_run import JobRun


class Admit:
    """Refuses a job that was cancelled meanwhile, or that this release cannot run."""

    name = "admit"

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` as it is.

        Raises:
            JobCancelledError: Its caller cancelled it before it started.
            ContentErasedError: Retention or an erasure took its input.
            ContentUnreadableError: A key is missing; once it is back the job can run.
            InputError: The stored parameters do not fit. They did when they were accepted,
                perhaps by an older release.
        """
        if run.claim.cancel:
            raise JobCancelledError
        if run.claim.fault is not None:
            raise run.claim.fault
        try:
            INPUTS[run.claim.kind].model_validate(dict(run.claim.input))
        except ValidationError as error:
            raise _refusal(error) from None
        return run


def _refusal(error: ValidationError) -> InputError:
    faults = tuple(
        FieldError(_pointer(fault["loc"]), fault["msg"])
        for fault in error.errors(include_input=False, include_url=False, include_context=False)
    )
    where = ", ".join(fault.pointer for fault in faults)
    return InputError(
        f"the stored parameters are not valid for this release of genq ({where}); submit the "
        "job again with corrected parameters",
        fields=faults,
    )


def _pointer(location: tuple[int | str, ...]) -> str:
    parts = ("input", *location)
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
