"""How a model of a server with an API of its own is asked, and where its answer stands.

Described in the settings: templates whose only means are placeholders, and places in the
answer. What a job sends that a template does not name is refused, so that nobody pays for a
picture other than the one that was asked for; ``unused`` lists what may be left out.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, Self, cast

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SecretStr,
    model_validator,
)

from schemas.generation import INPUTS, Kind
from schemas.http_answer import HttpAnswer, HttpPoll
from schemas.placeholders import Place, places_in
from schemas.shape import Shape

JOB: Final = "job_id"
KEY: Final = "api_key"
MODEL: Final = "model"
END_USER: Final = "end_user"
ID: Final = "id"
EXTRA: Final = "extra_body"
_OF_SIZE: Final = frozenset({"width", "height"})
_IN_HEADERS: Final = frozenset({KEY, JOB, MODEL})
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_OURS: Final = frozenset({"content-length", "host", "transfer-encoding", "connection"})
_NEEDED: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.IMAGE: ("prompt",),
    Kind.IMAGE_EDIT: ("images",),
    Kind.CHAT: ("messages",),
    Kind.COMPLETION: ("prompt",),
    Kind.EMBEDDING: ("input",),
    Kind.SPEECH: ("input",),
}


def _pairs(table: object) -> object:
    # What servers are known by must not change: a table becomes pairs.
    if isinstance(table, Mapping):
        return tuple(cast("Mapping[object, object]", table).items())
    return table


Path = Annotated[str, Field(pattern=r"^/[^\s#]*$", max_length=2_048)]
"""Below ``base_url``; what fills its placeholders is percent-encoded."""
Headers = Annotated[tuple[tuple[str, SecretStr], ...], BeforeValidator(_pairs)]
Statuses = tuple[Annotated[int, Field(ge=200, le=599)], ...]


class HttpCall(Shape):
    """One call: what is sent, and what comes back.

    Placeholders are the parameters of the kind, ``{width}`` and ``{height}`` of ``size``,
    ``{extra_body.steps}``, ``{model}``, ``{end_user}`` and ``{job_id}``; pictures are data URLs
    (``{images[0]}``) or base64 alone (``{images[0].base64}``). A text that is one placeholder
    becomes the parameter with its JSON type; with a parameter that is not given, the member or
    item is left out.

    Attributes:
        body: Sent as JSON.
        form: Sent as a form (``multipart/form-data``) instead; pictures in it are files.
        headers: Added; only ``{api_key}``, ``{model}`` and ``{job_id}`` in them. The key is
            sent as the bearer token unless one of them holds it.
        success: The statuses of answers that are good; without any those from 200 to 299.
        busy: Statuses that mean that the server has no free place: the job waits, and it costs
            no attempt.
        unused: Parameters that may be given although nothing of the call names them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["GET", "POST", "PUT", "PATCH"] = "POST"
    path: Path
    headers: Headers = ()
    body: JsonValue = None
    form: dict[str, str] | None = None
    answer: HttpAnswer
    poll: HttpPoll | None = None
    success: Statuses = ()
    busy: Statuses = ()
    unused: tuple[str, ...] = ()

    def __hash__(self) -> int:
        return hash((self.method, self.path))

    @model_validator(mode="after")
    def _sendable(self) -> Self:
        if self.form is not None and self.body is not None:
            raise ValueError("body and form: give one of them")
        if self.method == "GET" and (self.form is not None or self.body is not None):
            raise ValueError("a GET has no body")
        for name, value in self.headers:
            if not _TOKEN.fullmatch(name) or name.lower() in _OURS:
                raise ValueError(f"headers: {name} is no header that can be set")
            text = value.get_secret_value()
            if not (text.isascii() and text.isprintable()):
                raise ValueError(f"headers: the value of {name} cannot stand in a header")
            _refuse_unknown(f"headers: {name}", places_in(text), _IN_HEADERS)
        if self.poll is not None:
            known = frozenset({ID, JOB, MODEL})
            for text in (self.poll.path, self.poll.cancel, self.poll.result):
                _refuse_unknown("poll", places_in(text), known)
        return self

    def places(self) -> Iterator[Place]:
        """Yield every placeholder of what is asked."""
        yield from places_in(self.path)
        yield from places_in(self.body)
        yield from places_in(cast("JsonValue", self.form))

    def hold_to(self, kind: Kind) -> None:
        """Refuse what cannot make jobs of ``kind``.

        Raises:
            ValueError: A placeholder is unknown, the call does not carry what the job is about,
                or its answer is not said to hold what the job makes.
        """
        names = names_of(kind)
        _refuse_unknown("call", self.places(), names)
        named = {place.name for place in self.places()}
        missing = [name for name in _NEEDED[kind] if name not in named]
        if missing:
            raise ValueError(f"call: {{{missing[0]}}} is nowhere in its path, body or form")
        unknown = sorted(set(self.unused) - set(INPUTS[kind].model_fields))
        if unknown:
            raise ValueError(f"call: unused: {unknown[0]} is no parameter of {kind} jobs")
        self.answer.hold_to(kind)


def names_of(kind: Kind) -> frozenset[str]:
    """Return the placeholders that calls of ``kind`` may use."""
    fields = INPUTS[kind].model_fields
    size = _OF_SIZE if "size" in fields else frozenset[str]()
    return frozenset(fields) | size | {JOB, MODEL, END_USER}


def _refuse_unknown(where: str, places: Iterator[Place], known: frozenset[str]) -> None:
    for place in places:
        if place.name not in known:
            told = ", ".join(f"{{{name}}}" for name in sorted(known))
            raise ValueError(f"{where}: {place} is unknown; there are {told}")
        if place.name == EXTRA and place.steps and not isinstance(place.steps[0], str):
            raise ValueError(f"{where}: {place}: extra_body has members, and no items")
