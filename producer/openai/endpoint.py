"""What an endpoint of OpenAI's is to calls and to lines of batches alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from infra.objectstore.store import ObjectStore
from schemas.generation import Kind
from schemas.job import JobRecord, JobRequest
from schemas.lanes import DEFAULT_LANE, DEFAULT_PRIORITY, Lane


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a job gets where its body says nothing.

    Attributes:
        lane: Also what the service tiers ``auto``, ``default`` and ``scale`` mean.
        end_user: On whose behalf it is.
        image_models: What makes pictures and no words: ``/v1/responses`` has jobs of both.
    """

    lane: Lane = DEFAULT_LANE
    priority: int = DEFAULT_PRIORITY
    end_user: str | None = None
    image_models: frozenset[str] = frozenset()


class Links(Protocol):
    """Makes links to artifacts that work without a key, for a while."""

    def artifact_link(self, tenant_id: int, job_id: UUID, index: int) -> str:
        """Return a link to one artifact of a job.

        Args:
            tenant_id: Whose job it is.
            job_id: The job that made it.
            index: Place among the job's artifacts, from 0.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """What is needed to show what a job made.

    Attributes:
        store: Where artifacts lie.
        public_url: Where clients reach the API, without a final slash.
        links: To artifacts.
    """

    store: ObjectStore
    public_url: str
    links: Links


class Door(Protocol):
    """One endpoint: how its bodies become jobs.

    Attributes:
        path: Such as ``/v1/chat/completions``.
        face: What its jobs call the door that they came in by, such as ``openai.chat``.
        kind: Of the jobs that it makes.
    """

    @property
    def path(self) -> str: ...  # noqa: D102 - see the class

    @property
    def face(self) -> str: ...  # noqa: D102 - see the class

    @property
    def kind(self) -> Kind: ...  # noqa: D102 - see the class

    def request_of(self, body: Mapping[str, Any], defaults: Defaults) -> JobRequest:
        """Return the job that a body asks for. Pure.

        Args:
            body: As it was sent; its JSON was looked at (``producer.api.bodies``).
            defaults: Where it says nothing.

        Raises:
            UnsupportedParameterError: It asks for something of OpenAI's that genq cannot do.
            InputError: It is wrong; each fault has its JSON pointer. What is the model's own
                is checked later, by ``producer.draft``.
        """
        ...


class Endpoint(Door, Protocol):
    """An endpoint whose jobs become JSON, for calls and for lines of batches."""

    async def answer_of(
        self, job: JobRecord, asked: Mapping[str, Any], reading: Reading
    ) -> dict[str, Any]:
        """Return OpenAI's answer, with ``genq`` in it.

        Args:
            job: It succeeded, and its content is there.
            asked: The body that asked for it.
            reading: Where to find what it made.

        Raises:
            ObjectStoreError: An artifact could not be read.
        """
        ...
