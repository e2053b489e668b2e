"""Jobs made of other jobs' pictures: the part of ``client.jobs`` that is about actions."""

from collections.abc import Mapping, Sequence
from typing import TypedDict, Unpack

from genq.async_transport import AsyncTransport
from genq.calls import Call, Exchange, found_in, query_of, sending
from genq.decoding import read_job
from genq.exchanges import held, job_path, new_key
from genq.job_requests import When, body_of
from genq.models import Job
from genq.pages import AsyncPages, Found, Page
from genq.transport import Transport
from genq.tree_decoding import read_tree
from genq.tree_models import TreeJob


class ActionOptions(TypedDict, total=False):
    """What an action may be told.

    Attributes:
        index: Which picture, from 0; not needed if the job has one.
        prompt: What the new pictures show, for ``remix``; of others besides.
        strength: Of ``vary``: ``subtle`` or ``strong``.
        images: Of ``blend``: one to four others, as ``job_…/0`` or ``file-…``.
        direction: Of ``pan``: ``left``, ``right``, ``up`` or ``down``.
        factor: Of ``upscale`` 2 or 4, of ``zoom`` 1.5 or 2.
        wait: Let the server hold the request for up to so many seconds until the job ends.
        idempotency_key: Twice the same key and action is one job. One is made if not given.
    """

    index: int | None
    prompt: str | None
    strength: str | None
    images: Sequence[str] | None
    direction: str | None
    factor: float | None
    seed: int | None
    n: int | None
    model: str | None
    lane: str | None
    priority: int | None
    webhook: str | Mapping[str, object] | None
    metadata: Mapping[str, str] | None
    tags: Sequence[str] | None
    end_user: str | None
    run_at: When | None
    deadline: When | None
    wait: float | None
    idempotency_key: str | None


class DerivedJobs:
    """What can be made of a job's pictures."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def act(self, job_id: str, action: str, **told: Unpack[ActionOptions]) -> Job:
        """Make a new job of a job's pictures.

        Args:
            job_id: A job of pictures that has succeeded.
            action: ``upscale``, ``vary``, ``reroll``, ``remix``, ``blend``, ``describe``,
                ``zoom``, ``pan`` or ``replay``.
            told: How; see ``ActionOptions``.

        Raises:
            ConflictError: The job's state, or what is configured, does not allow it.
            NotFoundError: There is no such job.
        """
        return self._transport.run(_act(job_id, action, told))

    def tree(self, job_id: str, *, limit: int | None = None) -> Page[TreeJob]:
        """Return all relatives of a job, oldest first: iterate over the page to get them.

        Raises:
            NotFoundError: There is no such job.
        """
        return Page(lambda query: self._transport.run(_tree(job_id, query)), {"limit": limit})


class AsyncDerivedJobs:
    """What can be made of a job's pictures; arguments and errors as of ``DerivedJobs``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def act(self, job_id: str, action: str, **told: Unpack[ActionOptions]) -> Job:
        """Make a new job of a job's pictures."""
        return await self._transport.run(_act(job_id, action, told))

    def tree(self, job_id: str, *, limit: int | None = None) -> AsyncPages[TreeJob]:
        """Return all relatives of a job, oldest first: iterate over the page to get them."""

        async def fetch(query: Mapping[str, object]) -> Found[TreeJob]:
            return await self._transport.run(_tree(job_id, query))

        return AsyncPages(fetch, {"limit": limit})


def _act(job_id: str, action: str, told: ActionOptions) -> Exchange[Job]:
    given: dict[str, object] = {"action": action, **told}
    wait = told.get("wait")
    key = told.get("idempotency_key") or new_key()
    for name in ("wait", "idempotency_key"):
        given.pop(name, None)
    body = body_of(given)
    call = sending("POST", f"{job_path(job_id)}/actions", body, "the action", key=key)
    return read_job(found_in((yield held(call, wait))))


def _tree(job_id: str, query: Mapping[str, object]) -> Exchange[Found[TreeJob]]:
    call = Call("GET", f"{job_path(job_id)}/tree", query=query_of(query))
    return read_tree(found_in((yield call)))
