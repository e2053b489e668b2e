"""Long answers, taken as they come: never held as a whole."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Final

from genq.async_transport import AsyncLine, AsyncTransport
from genq.calls import Answer, Call, Exchange, More, good, query_of
from genq.files import writing_whole
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
        ServerUnreachableError: The connection broke.
    """
    with writing_whole(path) as draft, transport.line() as line:
        _, pieces = heard(line, call)
        for piece in pieces:
            draft.write(piece)
    return path


async def async_saved(transport: AsyncTransport, call: Call, path: Path) -> Path:
    """Write an answer's bytes to ``path``; see ``saved``."""
    with writing_whole(path) as draft:
        async with transport.line() as line:
            _, pieces = await async_heard(line, call)
            async for piece in pieces:
                draft.write(piece)
    return path


def _begin(call: Call) -> Exchange[Answer]:
    return good((yield call))


def _more() -> Exchange[bytes]:
    return (yield More(_SILENCE)).body
