"""Where the answer of a described call stands, and how one that comes later is waited for."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from schemas.generation import Kind
from schemas.json_paths import JsonPath
from schemas.shape import Shape

Path = Annotated[str, Field(pattern=r"^/[^\s#]*$", max_length=2_048)]
Values = tuple[Annotated[str, Field(max_length=128)], ...]


class HttpAnswer(Shape):
    """What is where in an answer.

    Attributes:
        body: What the answer is as a whole; an ``image``, a ``text`` or ``audio`` is the result
            itself.
        images: The pictures, or lists of them: base64, data URLs, or links (``https://…``).
        links: All of ``images`` are links, those that begin with ``/`` too.
        text: The words, of several answers several.
        finish_reason: Why the words end, one for each.
        audio: The file: base64, or a data URL.
        embeddings: The vectors: lists of numbers, or base64 of 32-bit floats.
        seed: With which pictures were made, if the server tells.
        input_tokens: What was used, as a number.
        output_tokens: The same.
        error: What went wrong, if anything is there that is not empty, false or null.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    body: Literal["json", "image", "text", "audio"] = "json"
    images: JsonPath | None = None
    links: bool = False
    text: JsonPath | None = None
    finish_reason: JsonPath | None = None
    audio: JsonPath | None = None
    embeddings: JsonPath | None = None
    seed: JsonPath | None = None
    input_tokens: JsonPath | None = None
    output_tokens: JsonPath | None = None
    error: JsonPath | None = None

    def hold_to(self, kind: Kind) -> None:
        """Refuse what does not say where the results of ``kind`` are.

        Raises:
            ValueError: As above.
        """
        if kind.pictures:
            told, name, whole = self.images, "images", "image"
        elif kind is Kind.EMBEDDING:
            told, name, whole = self.embeddings, "embeddings", None
        elif kind is Kind.SPEECH:
            told, name, whole = self.audio, "audio", "audio"
        else:
            told, name, whole = self.text, "text", "text"
        if self.body == "json" and told is None:
            other = f', or body = "{whole}"' if whole else ""
            raise ValueError(f"call: answer: say where its {name} are: {name}{other}")
        if self.body not in {"json", whole}:
            raise ValueError(f'call: answer: body = "{self.body}" is no result of {kind} jobs')


class HttpPoll(Shape):
    """How a call that only begins the work is followed to its end.

    Attributes:
        id: Where the first answer says what the work is called.
        path: Asked for its state; ``{id}`` in it.
        method: Of these calls.
        status: Where an answer says its state.
        done: States of work that is done. Any that is not listed means: not yet.
        failed: States of work that has failed.
        interval: Seconds between two questions.
        result: Asked once for the result, if it is not in the answer that says ``done``.
        cancel: Told that nobody waits any more; ``{id}`` in it.
        cancel_method: Of that call.
        progress: Where an answer says how far it is.
        progress_of: What ``progress`` is at the end: 1, or 100.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: JsonPath
    path: Path
    method: Literal["GET", "POST"] = "GET"
    status: JsonPath
    done: Annotated[Values, Field(min_length=1)]
    failed: Values = ()
    interval: Annotated[float, Field(ge=0.05, le=60)] = 1.0
    result: Path | None = None
    cancel: Path | None = None
    cancel_method: Literal["GET", "POST", "PUT", "DELETE"] = "POST"
    progress: JsonPath | None = None
    progress_of: Annotated[float, Field(gt=0, le=1_000_000)] = 1.0
