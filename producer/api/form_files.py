"""The pictures that came in a form, as files: of the job that they were sent with."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from infra.postgres.engine import transaction
from infra.postgres.job_files import leave_files
from infra.postgres.tenants import Tenant
from producer.api.files import files_of
from producer.api.services import Services
from producer.bulk_items import is_refusal
from producer.files import NewFile
from producer.openai.form_pictures import FormPicture
from schemas.errors import GenqError
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.picture_references import references_of
from schemas.stored_file import FilePurpose


class FormFiles:
    """What came in one form.

    Args:
        services: Of the process.
        tenant: Whose it is.
    """

    def __init__(self, services: Services, tenant: Tenant) -> None:
        self._services = services
        self._tenant = tenant
        self._ids: dict[str, UUID] = {}
        self._complete = False

    @property
    def names(self) -> Mapping[str, str]:
        """The id of each file, by the name that the body has for it."""
        return {name: format_id("file", key) for name, key in self._ids.items()}

    @property
    def ids(self) -> Sequence[UUID]:
        """The files that were stored."""
        return tuple(self._ids.values())

    async def store(self, pictures: Sequence[FormPicture], types: Mapping[str, str]) -> None:
        """Store each picture once, however often it is named.

        Args:
            pictures: Complete.
            types: Their media types, by their names.

        Raises:
            ObjectStoreError: The store cannot take one.
        """
        for picture in {picture.name: picture for picture in pictures}.values():
            wanted = NewFile(
                purpose=FilePurpose.VISION,
                filename=picture.filename,
                content_type=types.get(picture.name, ""),
            )
            file = await files_of(self._services).create(self._tenant.id, wanted, picture.spool)
            self._ids[picture.name] = file.id
        self._complete = True

    async def settle(self, job: JobRecord) -> None:
        """Let the files go, unless the job is one of this form: then it has them already."""
        shown = {one.text for one in references_of(job.kind, job.input)}
        if shown.isdisjoint(self.names.values()):
            # A repeated call: the job has those of the first one.
            await self.leave()

    async def fail(self, error: BaseException) -> None:
        """Let the files of a call go that failed, if it is certain that no job has them.

        A job that may have been accepted all the same finds its pictures: of those that nobody
        has, the time ends.
        """
        if not self._complete or (isinstance(error, GenqError) and is_refusal(error)):
            await self.leave()

    async def leave(self) -> None:
        """Let the files go: nobody has them."""
        async with transaction(self._services.engine) as connection:
            await leave_files(connection, self._tenant.id, list(self._ids.values()))
