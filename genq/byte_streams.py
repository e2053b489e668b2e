"""Long answers, taken as they come: never held as a whole."""

import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from genq.async_transport import AsyncLine, AsyncTransport
from genq.calls import Answer, Call, Exchange, More, good, query_of
from genq.transport import Line, Transport

# Seconds until an answer must have begun, and between two pieces of it.
_OPENING: Final = 60.0
_SILENCE: Final = 60.0


def opening(path: str, query: Mapping[str, object], *, follow: bool = False) -> Call:
    """Return the call whose answer is taken as it comes; errors are those of ``query_of``."""
    return Call("GET", path, query=query_of(query), follow=follow, listen=_OPENING)


def heard(line: Line, call: Call) -> tuple[Answer, Iterator[bytes]]:
    """Return the beginning of an answer, and its bytes as they come.

    Raises:
        ApiError: The server refuses.
        ServerUnreachableError: The connection broke, now or later.
    """
    answer = line.run(_begin(call))

    def pieces() -> Iterator[bytes]:
        while piece := line.run(_more()):
            yield piece

    return answer, pieces()


async def async_heard(line: AsyncLine, call: Call) -> tuple[Answer, AsyncIterator[bytes]]:
    """Return the beginning of an answer, and its bytes as they come; see ``heard``."""
    answer = await line.run(_begin(call))

    async def pieces() -> AsyncIterator[bytes]:
        while piece := await line.run(_more()):
            yield piece

    return answer, pieces()


def saved(transport: Transport, call: Call, path: Path) -> Path:
    """Write an answer's bytes to ``path``, which nobody sees before they are complete.

    Raises:
        OSError: The folder cannot be written.
        ApiError: The server refuses.
    """
    with _Draft.beside(path) as draft, transport.line() as line:
        _, pieces = heard(line, call)
        for piece in pieces:
            draft.file.write(piece)
        return draft.done()


async def async_saved(transport: AsyncTransport, call: Call, path: Path) -> Path:
    """Write an answer's bytes to ``path``; see ``saved``."""
    with _Draft.beside(path) as draft:
        async with transport.line() as line:
            _, pieces = await async_heard(line, call)
            async for piece in pieces:
                draft.file.write(piece)
        return draft.done()


@dataclass(slots=True)
class _Draft:
    """A file under a passing name, which takes its own in one step."""

    path: Path
    name: Path
    file: "tempfile._TemporaryFileWrapper[bytes]"

    @classmethod
    def beside(cls, path: Path) -> "_Draft":
        path.parent.mkdir(parents=True, exist_ok=True)
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed by __exit__
            dir=path.parent, prefix=f".{path.name}.", delete=False
        )
        return cls(path, Path(file.name), file)

    def done(self) -> Path:
        self.file.flush()
        self.name.chmod(0o644)
        return self.name.replace(self.path)

    def __enter__(self) -> "_Draft":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        with suppress(OSError):
            self.name.unlink()


def _begin(call: Call) -> Exchange[Answer]:
    return good((yield call))


def _more() -> Exchange[bytes]:
    return (yield More(_SILENCE)).body
