"""The file of a batch: checked line by line, made of rows where that is wanted."""

import json
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, cast

from genq.batch_models import BATCH_ENDPOINTS
from genq.cli.batch_rows import RowError, WrongFileError, lines, table
from genq.cli.batch_template import Template

MOST_SHOWN: Final = 10
"""So many wrong lines are looked for; the first ones usually tell what is wrong with all."""
_LONGEST_ID: Final = 512
_CHAT, _IMAGES, _RESPONSES = BATCH_ENDPOINTS[0], BATCH_ENDPOINTS[5], BATCH_ENDPOINTS[1]
SHORT_NAMES: Final[Mapping[str, str]] = {
    "chat": _CHAT,
    "responses": _RESPONSES,
    "embeddings": "/v1/embeddings",
    "completions": "/v1/completions",
    "moderations": "/v1/moderations",
    "images": _IMAGES,
    "edits": "/v1/images/edits",
}
# Where a prompt goes.
_PROMPT_IN: Final[Mapping[str, str]] = {
    _RESPONSES: "input",
    "/v1/embeddings": "input",
    "/v1/completions": "prompt",
    "/v1/moderations": "input",
    _IMAGES: "prompt",
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a file is read.

    Attributes:
        endpoint: What every line asks for; ``None``: as the lines say.
        template: Makes a prompt of each row.
        system: Goes before each prompt of a chat.
        parameters: Of every request that does not say otherwise.
        id_column: The column whose values become ``custom_id``.
    """

    endpoint: str | None = None
    template: Template | None = None
    system: str | None = None
    parameters: Mapping[str, object] = field(default_factory=dict[str, object])
    id_column: str = "custom_id"


@dataclass(frozen=True, slots=True)
class Ready:
    """A file that can be uploaded.

    Attributes:
        source: Its bytes.
        size: How many.
        count: How many lines it has.
        endpoint: What they ask for.
        first: The first of them.
    """

    source: BinaryIO
    size: int
    count: int
    endpoint: str
    first: str


@contextmanager
def ready(path: Path, wishes: Wishes) -> Generator[Ready]:
    """Check a file, and turn it into what is uploaded, if it is not that yet.

    What is made lies in a temporary file, so that nothing is sent of a file that is wrong.

    Raises:
        WrongFileError: Lines are wrong; each is named, the first ten of them.
        OSError: A file cannot be read, or the temporary one cannot be written.
    """
    with path.open("rb") as given, tempfile.TemporaryFile() as made:
        check = _Check(wishes)
        for line in _requests(path, given, wishes, check):
            made.write(line)
        check.close(path)
        # Requests that stand there as they are to be sent are sent from where they are.
        source = made if made.tell() else given
        size = source.seek(0, 2)
        source.seek(0)
        yield Ready(
            cast("BinaryIO", source), size, check.count, check.endpoint or "", check.first
        )


class _Check:
    """What all lines together must be."""

    def __init__(self, wishes: Wishes) -> None:
        self.endpoint = wishes.endpoint
        self.count = 0
        self.first = ""
        self._ids: set[int] = set()
        self._faults: list[RowError] = []

    def add(self, number: int, request: Mapping[str, object]) -> bool:
        """Take a request; return whether it is right."""
        fault = self._shape(request) or self._place(request)
        if fault is not None:
            self.refuse(RowError(number, fault))
            return False
        self.count += 1
        self.first = self.first or _line(request)
        return True

    def refuse(self, error: RowError) -> None:
        """Note a line that is wrong."""
        self._faults.append(error)

    @property
    def enough(self) -> bool:
        """Whether there is no use in looking further."""
        return len(self._faults) >= MOST_SHOWN or any(one.fatal for one in self._faults)

    def close(self, path: Path) -> None:
        """Refuse the file if anything is wrong with it."""
        if self._faults:
            more = " (there may be more)" if self.enough else ""
            told = "\n".join(f"  line {one.number} {one}" for one in self._faults)
            raise WrongFileError(
                f"{path}: nothing was uploaded, as lines are wrong{more}:\n{told}"
            )
        if not self.count:
            raise WrongFileError(f"{path}: it has no requests")

    def _shape(self, request: Mapping[str, object]) -> str | None:
        custom_id = request.get("custom_id")
        missing = [n for n in ("custom_id", "method", "url", "body") if n not in request]
        if missing:
            return (
                f"lacks {', '.join(missing)}; a request is custom_id, method, url and body, or "
                "its body alone where --endpoint says the rest"
            )
        if not isinstance(custom_id, str) or not 0 < len(custom_id) <= _LONGEST_ID:
            return f"has a custom_id that is no text of 1 to {_LONGEST_ID} characters"
        if request["method"] != "POST":
            return "has a method that is not POST"
        return None if isinstance(request["body"], dict) else "has a body that is no object"

    def _place(self, request: Mapping[str, object]) -> str | None:
        custom_id, url = request["custom_id"], request["url"]
        if hash(custom_id) in self._ids:
            return f"has the custom_id {custom_id!r}, which an earlier one has"
        self._ids.add(hash(custom_id))
        self.endpoint = self.endpoint or (url if isinstance(url, str) else None)
        if url != self.endpoint:
            return f"asks for {url!r}, and others for {self.endpoint!r}; a batch has one url"
        if url not in BATCH_ENDPOINTS:
            return f"asks for {url!r}; batches are of {', '.join(BATCH_ENDPOINTS)}"
        return None


def _requests(path: Path, given: BinaryIO, wishes: Wishes, check: _Check) -> Iterator[bytes]:
    """Check every request, and yield those lines that differ from what is there."""
    source = _of_table(path, wishes) if is_table(path) else _of_lines(given, wishes)
    for number, request, changed in source:
        if isinstance(request, RowError):
            check.refuse(request)
        elif check.add(number, request) and changed:
            try:
                yield _line(request).encode() + b"\n"
            except UnicodeEncodeError:
                check.refuse(RowError(number, "holds half a surrogate pair, which is no text"))
        if check.enough:
            return


def _of_table(
    path: Path, wishes: Wishes
) -> Iterator[tuple[int, Mapping[str, object] | RowError, bool]]:
    template, endpoint = wishes.template, wishes.endpoint or _CHAT
    if template is None:
        raise WrongFileError(
            f"{path}: a table needs --template, such as 'Translate: {{{{text}}}}'"
        )
    try:
        with table(path) as found:
            template.require(found.columns)
            for count, (number, row) in enumerate(found.rows, 1):
                if isinstance(row, RowError):
                    yield number, row, True
                    continue
                custom_id = row.get(wishes.id_column) or f"row-{count}"
                body = _body(template.filled(row), endpoint, wishes)
                yield number, _request(custom_id, endpoint, body), True
    except RowError as error:
        yield error.number, error, True


def _of_lines(
    given: BinaryIO, wishes: Wishes
) -> Iterator[tuple[int, Mapping[str, object] | RowError, bool]]:
    # The first line tells for all whether they are whole requests or their bodies alone.
    bare: bool | None = None
    for number, found in lines(given):
        if isinstance(found, RowError):
            yield number, found, False
            continue
        if wishes.template is not None:
            yield number, _of_object(number, found, wishes.template, wishes), True
            continue
        bare = wishes.endpoint is not None and "body" not in found if bare is None else bare
        if bare:
            custom_id = found.pop("custom_id", None) or f"row-{number}"
            body = {**wishes.parameters, **found}
            yield number, _request(custom_id, wishes.endpoint, body), True
        else:
            body = found.get("body")
            if wishes.parameters and isinstance(body, dict):
                found["body"] = {**wishes.parameters, **cast("dict[str, object]", body)}
            yield number, found, bool(wishes.parameters)


def _of_object(
    number: int, found: Mapping[str, object], template: Template, wishes: Wishes
) -> Mapping[str, object] | RowError:
    endpoint = wishes.endpoint or _CHAT
    lacks = [column for column in template.columns if column not in found]
    if lacks:
        return RowError(number, f"lacks {', '.join(lacks)}, which --template names")
    row = {column: _written(found[column]) for column in template.columns}
    custom_id = found.get(wishes.id_column) or f"row-{number}"
    return _request(custom_id, endpoint, _body(template.filled(row), endpoint, wishes))


def _body(prompt: str, endpoint: str, wishes: Wishes) -> dict[str, object]:
    if endpoint == _CHAT:
        system = [{"role": "system", "content": wishes.system}] if wishes.system else []
        said: dict[str, object] = {"messages": [*system, {"role": "user", "content": prompt}]}
    elif endpoint in _PROMPT_IN:
        said = {_PROMPT_IN[endpoint]: prompt}
        if wishes.system and endpoint == _RESPONSES:
            said["instructions"] = wishes.system
    else:
        raise WrongFileError(f"no template makes a body of {endpoint}; write JSON lines")
    return {**wishes.parameters, **said}


def _line(request: Mapping[str, object]) -> str:
    return json.dumps(request, ensure_ascii=False, separators=(",", ":"))


def _request(custom_id: object, endpoint: str | None, body: object) -> dict[str, object]:
    return {"custom_id": custom_id, "method": "POST", "url": endpoint, "body": body}


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def is_table(path: Path) -> bool:
    """Return whether a file is CSV, by its name."""
    return path.suffix.lower() in {".csv", ".tsv"}
