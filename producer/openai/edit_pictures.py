"""The pictures of an edit, before it becomes a job: are they there, and are they pictures?"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from infra.postgres.tenants import Tenant
from producer.api.files import files_of
from producer.api.services import Services
from producer.openai.edits import IMAGE, IMAGES, MASK, ImageEdits
from producer.openai.endpoint import Defaults
from producer.openai.form_pictures import FormPicture
from producer.openai.picture_door import SeenPicture, check_mask, unfit
from schemas.errors import NotFoundError
from schemas.ids import InvalidIdError, parse_id

_DATA: Final = "data:"
_FILE: Final = "file-"
_NOT_THERE: Final = "there is no such file; it may have expired or been deleted"


async def check_pictures(
    services: Services,
    tenant: Tenant,
    body: Mapping[str, Any],
    came: Sequence[FormPicture] = (),
) -> Mapping[str, str]:
    """Look at the pictures that a body names.

    What a job made is looked at by the worker alone.

    Args:
        services: Of the process.
        tenant: Whose files may be named.
        body: As JSON has it.
        came: Pictures that came with it in a form, by the names that the body has for them.

    Returns:
        The media type of what came in the form, by its name.

    Raises:
        InputError: The body is wrong, or one is no picture, or not there.
        CallRateError: Too many pictures are being looked at.
    """
    wanted = ImageEdits().request_of(body, Defaults()).input
    name = IMAGES if not came and body.get(IMAGES) is not None else IMAGE
    images = cast("list[str]", wanted[IMAGES])
    looks = _Looks(services, tenant, {picture.name: picture for picture in came})
    seen = [await looks.at(image, f"/{name}/{n}") for n, image in enumerate(images)]
    if MASK in wanted:
        place = f"/{MASK}"
        mask = await looks.at(cast("str", wanted[MASK]), place)
        if mask is not None:
            check_mask(mask, seen[0], place)
    return looks.types


class _Looks:
    """Looks at one body's pictures, one after the other.

    Attributes:
        types: Media types of those that came in a form.
    """

    def __init__(
        self, services: Services, tenant: Tenant, came: Mapping[str, FormPicture]
    ) -> None:
        self.types: dict[str, str] = {}
        self._services = services
        self._tenant = tenant
        self._came = came

    async def at(self, reference: str, pointer: str) -> SeenPicture | None:
        """Return what a picture is; ``None``: the worker will see."""
        door = self._services.pictures
        if reference in self._came:
            seen = await door.look(self._came[reference].spool.file, pointer)
            self.types[reference] = seen.media_type
            return seen
        if reference.startswith(_DATA):
            return await door.look(_decoded(reference, pointer), pointer)
        if reference.startswith(_FILE):
            await self._find(reference, pointer)
        return None

    async def _find(self, reference: str, pointer: str) -> None:
        try:
            key = parse_id("file", reference)
            await files_of(self._services).get(self._tenant.id, key)
        except (InvalidIdError, NotFoundError):
            raise unfit(pointer, _NOT_THERE) from None


def _decoded(url: str, pointer: str) -> bytes:
    head, _, text = url.partition(",")
    if not head.endswith(";base64"):
        raise unfit(pointer, "a data URL must be base64: data:image/png;base64,…")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise unfit(pointer, "the data URL is not base64") from None
