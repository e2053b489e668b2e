"""Links to artifacts that need no key: what OpenAI's answers call ``url``.

A link works for an hour, in the files of a batch for a week, wherever it is opened. What it
leads to is looked up when it is used: what was erased or withheld meanwhile is not served.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from infra.artifact_tokens import ARTIFACT_PATH, ArtifactGrant, ArtifactTokens
from infra.clock import Clock

LINK_LIFE: Final = timedelta(hours=1)
"""As long as OpenAI's own."""
BATCH_LINK_LIFE: Final = timedelta(days=7)
"""Of a link in an output file: a batch may take a day, and its file is read later still."""
PATH: Final = ARTIFACT_PATH


class ArtifactLinks:
    """Makes links, and reads them again.

    Args:
        pepper: ``GENQ_KEY_PEPPER``.
        public_url: Where clients reach the API, without a final slash.
        clock: Tells when a link ends.
        life: How long a link works.
    """

    def __init__(
        self, pepper: str, public_url: str, clock: Clock, *, life: timedelta = LINK_LIFE
    ) -> None:
        self._tokens = ArtifactTokens(pepper)
        self._public_url = public_url
        self._clock = clock
        self._life = life

    def artifact_link(self, tenant_id: int, job_id: UUID, index: int) -> str:
        """Return a link to one artifact that works from now on.

        Args:
            tenant_id: Whose job it is.
            job_id: The job that made it.
            index: Place among the job's artifacts, from 0.
        """
        ends = int((self._clock.now() + self._life).timestamp())
        token = self._tokens.make(ArtifactGrant(tenant_id, job_id, index, ends))
        return f"{self._public_url}{PATH}/{token}"

    def read(self, token: str) -> tuple[ArtifactGrant, timedelta] | None:
        """Return what a link's token grants, and for how long still; ``None``: nothing."""
        grant = self._tokens.read(token)
        if grant is None:
            return None
        left = datetime.fromtimestamp(grant.expires_at, self._clock.now().tzinfo)
        rest = left - self._clock.now()
        return (grant, rest) if rest > timedelta(0) else None
