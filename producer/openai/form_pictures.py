"""The pictures of a form: to disk as they come, one after the other.

In the body that asks the same each stands as its SHA-256, so that a repeated call says the same
thing again.
"""

import re
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from infra.settings import Settings
from infra.spool import Spool, open_spool
from producer.api.form_parts import FORM_BYTES, Form, Part
from producer.openai.picture_door import unfit
from schemas.errors import PayloadTooLargeError
from schemas.image_edit_input import MAX_EDITED

MOST_BYTES: Final = 64 << 20
"""Of all pictures of one call: as much as a worker sends on."""

_MASK: Final = "mask"
_REFERENCE_BYTES: Final = 128 << 10
_PICTURE: Final = re.compile(r"images?(?:\[\d{0,2}\])?")


@dataclass(frozen=True, slots=True)
class FormPicture:
    """A picture that came in a form.

    Attributes:
        spool: Its bytes; complete.
        name: How the body calls it: ``sha256:…``.
        filename: As the client said it.
        pointer: Where it stands in the body.
    """

    spool: Spool
    name: str
    filename: str | None
    pointer: str


class FormPictures:
    """The pictures of one form on its way.

    Args:
        stack: Closes what is opened: their bytes are gone then.
        form: Read part by part.
        settings: Say where pictures wait.
        most: Bytes of one picture.
        at: The JSON pointer under which they stand in the body.
        images: What the list of them is called there.

    Attributes:
        images: In their order, with ids and URLs that came as texts.
        mask: If there is one.
    """

    def __init__(
        self,
        stack: AsyncExitStack,
        form: Form,
        *,
        settings: Settings,
        most: int,
        at: str = "",
        images: str = "image",
    ) -> None:
        self.images: list[FormPicture | str] = []
        self.mask: FormPicture | str | None = None
        self._stack = stack
        self._form = form
        self._settings = settings
        self._most = most
        self._left = MOST_BYTES
        self._at = at
        self._list = images

    @property
    def came(self) -> tuple[FormPicture, ...]:
        """Those that came as bytes, in their order; the mask last."""
        found = [*self.images, *([self.mask] if self.mask is not None else [])]
        return tuple(one for one in found if not isinstance(one, str))

    async def take(self, part: Part) -> bool:
        """Read a part if it is a picture; say whether it was.

        Raises:
            PayloadTooLargeError: All pictures together are too large.
            InputError: It is one too many, empty, or too large. Else as ``Form``.
            ObjectStoreError: The disk cannot take it.
        """
        if _PICTURE.fullmatch(part.name):
            if len(self.images) == MAX_EDITED:
                raise unfit(f"{self._at}/{self._list}", f"{MAX_EDITED} pictures at the most")
            pointer = f"{self._at}/{self._list}/{len(self.images)}"
            self.images.append(await self._picture(part, pointer))
            return True
        if part.name == _MASK:
            if self.mask is not None:
                raise unfit(f"{self._at}/{_MASK}", "is given twice")
            self.mask = await self._picture(part, f"{self._at}/{_MASK}")
            return True
        return False

    async def _picture(self, part: Part, pointer: str) -> FormPicture | str:
        if part.filename is None and not part.content_type.startswith("image/"):
            # The id of a file, a URL, or a data URL.
            return await self._form.text(part, _REFERENCE_BYTES)
        spool = await self._stack.enter_async_context(open_spool(self._settings))
        async for chunk in self._form.content():
            if spool.size + len(chunk) > self._most:
                raise unfit(pointer, f"a picture may have {self._most} bytes at the most")
            self._left -= len(chunk)
            if self._left < 0:
                raise too_large()
            await spool.add(chunk)
        if not spool.size:
            raise unfit(pointer, "is empty: it has no bytes")
        digest = await spool.finish()
        return FormPicture(spool, f"sha256:{digest.hex()}", part.filename, pointer)


def hold_declared(declared: str) -> None:
    """Refuse a form that says by its ``content-length`` that it is too large.

    Raises:
        PayloadTooLargeError: It does.
    """
    if declared.isascii() and declared.isdigit() and int(declared) > MOST_BYTES + FORM_BYTES:
        raise too_large()


def named(picture: FormPicture | str) -> str:
    """Return how a body names a picture."""
    return picture if isinstance(picture, str) else picture.name


def too_large() -> PayloadTooLargeError:
    """Return the error that says so of all pictures together."""
    return PayloadTooLargeError(
        f"all pictures together may have {MOST_BYTES} bytes at the most"
    )
