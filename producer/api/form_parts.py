"""Forms with files (RFC 7578), read part by part as they arrive, in bounded memory."""

import re
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from urllib.parse import unquote

from starlette.requests import Request

from producer.api.http_errors import UnsupportedMediaTypeError
from schemas.errors import FieldError, InputError

FORM_BYTES: Final = 64 << 10
"""What boundaries, heads and small fields may add to the file of a form."""

_FORM: Final = "multipart/form-data"
_BOUNDARY: Final = re.compile(r"(?i);\s*boundary=(?:\"([^\"\s]{1,70})\"|([^\s;,\"]{1,70}))")
_PARAMETER: Final = re.compile(
    r";\s*([A-Za-z]+\*?)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^;\"\s]*))"
)
_ESCAPED: Final = re.compile(r"\\([\"\\])")
_ENCODED: Final = "utf-8''"
_PADDING: Final = 256
_HEAD_BYTES: Final = 8 << 10
_MOST_PARTS: Final = 40


@dataclass(frozen=True, slots=True)
class Part:
    """The head of one part of a form.

    Attributes:
        name: Of the field.
        filename: As the client said it; ``None``: it is not called a file.
        content_type: A bare media type in small letters; empty: it was not said.
    """

    name: str
    filename: str | None
    content_type: str


class _State(Enum):
    PREAMBLE = auto()
    BOUNDARY = auto()
    HEAD = auto()
    CONTENT = auto()
    END = auto()


class FormParser:
    """Takes a body in pieces of any size; gives heads of parts, and their content."""

    def __init__(self, boundary: str) -> None:
        self._mark = b"\r\n--" + boundary.encode()
        # The first boundary stands at the very beginning, without a line's end before it.
        self._held = b"\r\n"
        self._state = _State.PREAMBLE
        self._parts = 0
        self._beside = 0

    @property
    def complete(self) -> bool:
        """Whether the last boundary has been seen."""
        return self._state is _State.END

    def feed(self, data: bytes) -> Generator[Part | bytes]:
        """Yield what ``data`` completes: the head of a part, or bytes of the latest one.

        Raises:
            InputError: It is no form.
        """
        self._held += data
        while self._state is not _State.END:
            if self._state is _State.BOUNDARY:
                if not self._after_boundary():
                    return
            elif self._state is _State.HEAD:
                head = self._head()
                if head is None:
                    return
                yield head
            else:
                at = self._held.find(self._mark)
                # What may be the beginning of a boundary is kept.
                end = max(0, len(self._held) - len(self._mark) + 1) if at < 0 else at
                if self._state is _State.PREAMBLE:
                    self._pass_over(end)
                elif end:
                    yield self._held[:end]
                if at < 0:
                    self._held = self._held[end:]
                    return
                self._held = self._held[at + len(self._mark) :]
                self._state = _State.BOUNDARY
        self._pass_over(len(self._held))
        self._held = b""

    def _pass_over(self, size: int) -> None:
        self._beside += size
        if self._beside > FORM_BYTES:
            raise _broken(f"more than {FORM_BYTES} bytes stand before or after its parts")

    def _after_boundary(self) -> bool:
        if self._held.startswith(b"--"):
            self._state = _State.END
            return True
        end = self._held.find(b"\r\n")
        padding = (self._held if end < 0 else self._held[:end]).strip(b" \t")
        # The first half of the form's end, or of the line's.
        half = end < 0 and padding in {b"-", b"\r"}
        if (padding and not half) or (end < 0 and len(self._held) > _PADDING):
            raise _broken("a boundary is followed by something else than a line's end")
        if end < 0:
            return False
        # A part without headers begins with the empty line that ends them.
        self._held = self._held[end:]
        self._state = _State.HEAD
        return True

    def _head(self) -> Part | None:
        end = self._held.find(b"\r\n\r\n")
        if end > _HEAD_BYTES or (end < 0 and len(self._held) > _HEAD_BYTES):
            raise _broken(f"the head of a part has more than {_HEAD_BYTES} bytes")
        if end < 0:
            return None
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise _broken(f"it has more than {_MOST_PARTS} parts")
        part = _part_of(self._held[2:end].decode(errors="replace"))
        self._held = self._held[end + 4 :]
        self._state = _State.CONTENT
        return part


def is_form(request: Request) -> bool:
    """Tell whether a request says that its body is a form."""
    declared = request.headers.get("content-type", "")
    return declared.partition(";")[0].strip().lower() == _FORM


class Form:
    """The form in a request, read once, in the order in which it comes."""

    def __init__(self, request: Request) -> None:
        """Look at the headers.

        Raises:
            UnsupportedMediaTypeError: The body is no form, or it is compressed.
        """
        self._parser = FormParser(_boundary_of(request))
        self._events = self._read(request)
        self._next: Part | None = None

    async def part(self) -> Part | None:
        """Return the head of the next part, passing over what was not read of this one.

        Returns:
            ``None`` at the form's end.

        Raises:
            InputError: The form is broken, or ends too soon.
            ClientDisconnect: The client left.
        """
        found, self._next = self._next, None
        while found is None:
            event = await anext(self._events, None)
            if event is None:
                return None
            found = event if isinstance(event, Part) else None
        return found

    async def content(self) -> AsyncGenerator[bytes]:
        """Yield the content of the part whose head came last. Raises as ``part`` does."""
        while self._next is None:
            event = await anext(self._events, None)
            if event is None:
                return
            if isinstance(event, Part):
                self._next = event
            else:
                yield event

    async def text(self, part: Part, limit: int) -> str:
        """Return the content of ``part``, whose head came last, as text.

        Raises:
            InputError: It is longer than ``limit`` bytes, or no UTF-8. Else as ``part``.
        """
        value = bytearray()
        async for chunk in self.content():
            value += chunk
            if len(value) > limit:
                fault = FieldError(f"/{part.name[:60]}", f"must have {limit} bytes at the most")
                raise InputError("the form is not acceptable", fields=[fault])
        try:
            return value.decode()
        except UnicodeDecodeError:
            fault = FieldError(f"/{part.name[:60]}", "must be UTF-8 text")
            raise InputError("the form is not acceptable", fields=[fault]) from None

    async def _read(self, request: Request) -> AsyncGenerator[Part | bytes]:
        async for data in request.stream():
            for event in self._parser.feed(data):
                yield event
        if not self._parser.complete:
            raise _broken("it ends before its last boundary")


def _boundary_of(request: Request) -> str:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedMediaTypeError(
            f"Content-Encoding {encoding[:40]} is not accepted; send the body as it is"
        )
    declared = request.headers.get("content-type", "")
    if not is_form(request):
        raise UnsupportedMediaTypeError(
            f"Content-Type {declared[:60] or 'of no value'} is not accepted; send a form "
            "(multipart/form-data), as in curl -F purpose=batch -F file=@lines.jsonl"
        )
    found = _BOUNDARY.search(declared)
    if found is None:
        raise _broken("its Content-Type names no boundary; let your HTTP library set it")
    return found[1] or found[2]


def _part_of(head: str) -> Part:
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head.split("\r\n"))
    }
    disposition = headers.get("content-disposition", "")
    given = {
        name.lower(): _ESCAPED.sub(r"\1", quoted) or plain
        for name, quoted, plain in _PARAMETER.findall(disposition)
    }
    if not disposition.lower().startswith("form-data") or "name" not in given:
        raise _broken("a part has no Content-Disposition: form-data; name=…")
    exact = given.get("filename*", "")
    if exact.lower().startswith(_ENCODED):
        given["filename"] = unquote(exact[len(_ENCODED) :])
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return Part(given["name"], given.get("filename"), media_type)


def _broken(why: str) -> InputError:
    return InputError(f"the form cannot be read: {why}")
