"""A file as it is sent: read while it goes out, never held as a whole."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with one file.

    Attributes:
        source: Where its bytes are: a path, or a file that can be read again from its start.
        filename: What it is to be called.
        content_type: What it holds.
        fields: The form's other fields, sent before it.
    """

    source: Path | BinaryIO = field(repr=False)
    filename: str
    content_type: str
    fields: Mapping[str, str] = field(default_factory=dict[str, str])

    @contextmanager
    def opened(self) -> Generator[dict[str, tuple[str, BinaryIO, str]]]:
        """Open the file for one request, from its start.

        Raises:
            OSError: It cannot be read.
        """
        if isinstance(self.source, Path):
            with self.source.open("rb") as file:
                yield {"file": (self.filename, file, self.content_type)}
            return
        self.source.seek(0)
        yield {"file": (self.filename, self.source, self.content_type)}
