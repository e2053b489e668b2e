"""Stage 6: put the pictures where their callers can fetch them."""

from dataclasses import replace

from infra.objectstore.store import ObjectStore
from worker.pipeline.job_run import JobRun
from worker.pipeline.pictures import put_pictures


class Store:
    """Stores every picture under a key that names the fence."""

    name = "store"

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` with ``artifacts``, in the order of the pictures.

        Raises:
            ObjectStoreError: A picture could not be stored; the others are given up.
        """
        pictures = run.output.pictures if run.output else ()
        put = await put_pictures(self._store, run.claim, pictures, run.marks)
        return replace(run, artifacts=put)
