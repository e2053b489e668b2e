"""The pictures that a job begins with, as they are sent: a form, read while it goes out."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

from genq.calls import json_bytes
from genq.errors import ConfigurationError

Picture = str | Path | bytes | BinaryIO
"""A path, bytes, a file opened for reading bytes; or a text that says where it lies: an https
URL, a data URL, the id of a file (``file-…``), or a picture that a job made (``job_…/0``)."""

_ELSEWHERE: Final = ("https://", "http://", "data:", "file-", "job_")
_BYTES: Final = "application/octet-stream"
_Part = tuple[str, tuple[str | None, str | bytes | BinaryIO] | tuple[str, BinaryIO, str]]


@dataclass(frozen=True, slots=True)
class PictureForm:
    """A form with a job and its pictures.

    Attributes:
        job: The job's body, in JSON.
        images: In their order.
        mask: Of an edit: what is clear in it is edited.
    """

    job: bytes
    images: Sequence[Picture] = field(repr=False)
    mask: Picture | None = field(default=None, repr=False)

    @property
    def fields(self) -> Mapping[str, str]:
        """What else the form says: nothing."""
        return {}

    @contextmanager
    def opened(self) -> Generator[Any]:
        """Open its files for one request, from their start.

        Raises:
            OSError: One cannot be read.
        """
        with ExitStack() as files:
            parts: list[_Part] = [("job", (None, self.job))]
            parts += [("image[]", _part(one, files)) for one in self.images]
            if self.mask is not None:
                parts.append(("mask", _part(self.mask, files)))
            yield parts


def form_of(
    body: Mapping[str, object], images: Sequence[Picture] | None, mask: Picture | None
) -> PictureForm | None:
    """Return what to send instead of a job's body; ``None``: it has no pictures beside it.

    Raises:
        ConfigurationError: The body has no form in JSON, or ``images`` is no list.
    """
    if isinstance(images, str | bytes | Path):
        raise ConfigurationError("images is a list of pictures; write images=[…]")
    if not images and mask is None:
        return None
    return PictureForm(json_bytes(body, "the job"), tuple(images or ()), mask)


def lies_elsewhere(text: str) -> bool:
    """Tell whether a text says where a picture lies, and is no path."""
    return text.startswith(_ELSEWHERE)


def _part(picture: Picture, files: ExitStack) -> Any:
    if isinstance(picture, str) and lies_elsewhere(picture):
        return (None, picture)
    if isinstance(picture, str | Path):
        path = Path(picture)
        return (path.name, files.enter_context(path.open("rb")), _BYTES)
    if isinstance(picture, bytes):
        return ("picture", BytesIO(picture), _BYTES)
    picture.seek(0)
    return (Path(str(getattr(picture, "name", "picture"))).name, picture, _BYTES)
