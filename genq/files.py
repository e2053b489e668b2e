"""Write a file so that nobody ever sees half of it."""

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

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
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as draft:
        try:
            draft.write(content)
            draft.flush()
            Path(draft.name).chmod(mode)
            Path(draft.name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(draft.name).unlink()
            raise
    return path
