"""Write a file so that nobody ever sees half of it."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

_ORDINARY_MODE: Final = 0o644


def write_whole(path: Path, content: bytes, *, mode: int = _ORDINARY_MODE) -> Path:
    """Put ``content`` at ``path`` in one step, making its folder if needed; return ``path``.

    Args:
        path: Replaced if it exists.
        content: All of it.
        mode: The file's permission bits.

    Raises:
        OSError: The folder cannot be written.
    """
    with writing_whole(path, mode=mode) as draft:
        draft.write(content)
    return path


@contextmanager
def writing_whole(path: Path, *, mode: int = _ORDINARY_MODE) -> Generator[IO[bytes]]:
    """Give a file to write; it stands at ``path`` once the block has ended, and not before.

    Args:
        path: Replaced if it exists; its folder is made if needed.
        mode: The file's permission bits.

    Raises:
        OSError: The folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as draft:
        try:
            yield draft
            draft.flush()
            Path(draft.name).chmod(mode)
            Path(draft.name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(draft.name).unlink()
            raise
