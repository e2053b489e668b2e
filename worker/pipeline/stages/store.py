"""Stage 6: put pictures and sounds where their callers can fetch them."""

from dataclasses import replace

from infra.objectstore.store import ObjectStore
from worker.pipeline.job_run import JobRun
from worker.pipeline.pictures import put_files


class Store:
    """Stores every file under a key that names the fence."""

    name = "store"

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` with ``artifacts``, in the order of the files.

        Raises:
            ObjectStoreError: A file could not be stored; the others are given up.
        """
        files = run.output.files if run.output else ()
        put = await put_files(self._store, run.claim, files, run.marks)
        return replace(run, artifacts=put)
