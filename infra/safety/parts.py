"""What of a job is judged: each text and picture of its input, where it stands, whose it is.

Of a conversation the words of people are prompts; what tools and documents say is context that
nobody vouches for; what the tenant itself tells the model is judged as a prompt, but not
searched for attempts to override the tenant.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast
from uuid import UUID

from infra.safety.carried import is_nothing_else, is_picture, is_whole_picture, picture_of
from infra.safety.guidance import is_turned
from infra.safety.member_names import is_medium, is_wording
from infra.safety.unread import is_carried
from schemas.safety import Medium, Picture, Span, Stage, Subject

Step = str | int
Place = tuple[Step, ...]

_TOOLS: Final = frozenset({"tool", "function"})
_TENANTS: Final = frozenset({"system", "developer", "assistant"})
_RETRIEVED: Final = frozenset(
    {"context", "document", "documents", "retrieved", "search_result", "tool_result", "file"}
)
_OVERLAP: Final = 200
_JUDGED_ABOVE: Final = frozenset(
    {"prompt", "messages", "input", "instructions", "suffix", "images", "mask"}
)
# What an edit begins with: pictures, or names of them.
_PICTURES: Final = ("images", "mask")
# Where a picture may stand. All else is words, whatever they begin with; so are some there.
_HOLD_PICTURES: Final = frozenset({"messages", "extra_body", *_PICTURES})
_LONGEST_WIRE_WORD: Final = 64
# Words of a model server's own that say how, not what: a sampler's name is no prompt.
_SHORTEST_EXTRA: Final = 16


@dataclass(frozen=True, slots=True)
class Whose:
    """Who asked, as subjects tell it."""

    tenant_id: int
    end_user: str | None = None
    job_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One text, or one picture, of a job.

    Attributes:
        place: The steps to it from the input, or from the output.
        trusted: The tenant's own words.
        negative: See ``Subject``.
        start: Of a piece of a longer text: where it begins there.
        exact: See ``Subject``; of a text in pieces the first has it.
        joined: It stands at no one place: names, and words of several places together.
    """

    place: Place
    text: str = field(default="", repr=False)
    stage: Stage = Stage.PROMPT
    picture: Picture | None = field(default=None, repr=False)
    trusted: bool = False
    negative: bool = False
    start: int = 0
    joined: bool = False
    exact: str | None = field(default=None, repr=False)

    def subject(self, whose: Whose) -> Subject:
        """Return what detectors are given."""
        return Subject(
            stage=self.stage,
            medium=Medium.TEXT if self.picture is None else Medium.IMAGE,
            tenant_id=whose.tenant_id,
            text=self.text,
            picture=self.picture,
            end_user=whose.end_user,
            job_id=whose.job_id,
            trusted=(Span(0, len(self.text)),) if self.trusted else (),
            negative=self.negative,
            exact=self.exact,
        )


def input_parts(parameters: Mapping[str, Any], *, pictures: bool) -> list[Part]:
    """Return what a job's input holds, in its order.

    Args:
        parameters: The input, as it was accepted.
        pictures: Whether pictures that stand in it are wanted; to read them takes a while.
    """
    found = list(_of_texts(("prompt",), parameters.get("prompt")))
    found += _of_texts(("suffix",), parameters.get("suffix"))
    # Texts become numbers: no model does what they say.
    found += (
        replace(part, trusted=True) for part in _of_texts(("input",), parameters.get("input"))
    )
    # So they do of what says how a text is to be spoken.
    found += (
        replace(part, trusted=True)
        for part in _of_texts(("instructions",), parameters.get("instructions"))
    )
    for name in _PICTURES:
        found += filter(_is_picture, _of_texts((name,), parameters.get(name)))
    found += _of_messages(parameters.get("messages") or ())
    for name, value in parameters.items():
        if name == "extra_body":
            found += _of_extra((name,), value)
        elif name not in _JUDGED_ABOVE:
            # Tools and shapes of answers are told to the model as all else.
            told = filter(_says_something, _leaves((name,), value))
            found += (replace(one, trusted=True) for one in (*told, *_together((name,), value)))
    if not pictures:
        # Words that only begin like a picture are words to whoever sees none.
        return [
            part for part in found if not _is_picture(part) or not is_whole_picture(part.text)
        ]
    return [with_picture(part) if _is_picture(part) else part for part in found]


def cut(part: Part, longest: int) -> list[Part]:
    """Return a text in pieces of at most so many characters, which overlap a little.

    What stands on the border of two is whole in one of them, unless it is very long itself.
    """
    if len(part.text) <= longest:
        return [part]
    step = max(longest - _OVERLAP, longest // 2, 1)
    starts = range(0, max(len(part.text) - longest, 0) + step, step)
    whole = part.text if part.exact is None else part.exact
    return [
        replace(
            part,
            text=part.text[start : start + longest],
            start=start,
            exact=None if start else whole,
        )
        for start in starts
    ]


def output_parts(text: str | None, details: Mapping[str, Any]) -> list[Part]:
    """Return what a model answered in words: its texts, tool calls, revised prompts."""
    found = [Part(("text",), text)] if text else []
    # The first is the text, and what is judged with it.
    for n, choice in enumerate(details.get("choices") or ()):
        for name in ("text", "message") if n else ():
            found += _leaves(("details", "choices", n, name), choice.get(name))
    found += _leaves(("details", "message"), details.get("message"))
    found += _leaves(("details", "revised_prompts"), details.get("revised_prompts"))
    return [Part(part.place, part.text, Stage.OUTPUT) for part in found if part.text.strip()]


def _of_texts(place: Place, value: object) -> Iterator[Part]:
    """Yield a text, or each of several. Tokens are a model's own, and say nothing here."""
    if isinstance(value, str):
        yield Part(place, value)
    elif isinstance(value, list):
        for n, item in enumerate(cast("list[object]", value)):
            if isinstance(item, str):
                yield Part((*place, n), item)


def _of_messages(messages: Sequence[Mapping[str, Any]]) -> Iterator[Part]:
    """Yield what each says, and what those say together that one speaker says in a row."""
    row: list[Part] = []
    speaker: object = None
    for n, message in enumerate(messages):
        parts = list(_of_message(("messages", n), message))
        yield from parts
        if message.get("role") != speaker:
            yield from _row(row)
            row, speaker = [], message.get("role")
        row += [part for part in parts if not part.joined and not _is_picture(part)]
    yield from _row(row)


def _row(parts: Sequence[Part]) -> Iterator[Part]:
    told = [part for part in parts if part.text.strip()]
    if len(told) > 1:
        text = " ".join(part.text for part in told)
        yield replace(told[0], place=("messages",), text=text, joined=True)


def _of_message(place: Place, message: Mapping[str, Any]) -> Iterator[Part]:
    role = message.get("role")
    context = role in _TOOLS or message.get("name") in _RETRIEVED
    content: object = message.get("content")
    told: list[tuple[Part, bool]] = []
    if isinstance(content, list):
        for n, item in enumerate(cast("list[object]", content)):
            found = _leaves((*place, "content", n), item)
            told += [(part, context or _is_retrieved(item)) for part in found]
    else:
        told += [(part, context) for part in _leaves((*place, "content"), content)]
    calls = [
        part
        for member in ("tool_calls", "refusal", "tool_call_id")
        for part in _leaves((*place, member), message.get(member))
    ]
    for part, retrieved in (*told, *((call, context) for call in calls)):
        if is_carried(part.place, part.text):
            # Letters of base64 say nothing, and sound like anything.
            continue
        stage = Stage.CONTEXT if retrieved else Stage.PROMPT
        yield Part(part.place, part.text, stage, trusted=role in _TENANTS and not retrieved)
    if isinstance(content, list) or message.get("tool_calls") or message.get("name"):
        names = [*_names(message.get("content")), *_names(message.get("tool_calls"))]
        said = " ".join([str(message.get("name") or ""), *names]).strip()
        if said:
            yield Part(place, said, trusted=role in _TENANTS, joined=True)


def _is_retrieved(item: object) -> bool:
    """Tell whether a part of a message's content says that it was found somewhere."""
    if not isinstance(item, Mapping):
        return False
    return str(cast("Mapping[str, object]", item).get("type")) in _RETRIEVED


def _of_extra(place: Place, extra: Mapping[str, Any]) -> Iterator[Part]:
    turned = is_turned(extra)
    yield from _together(place, extra)
    for part in _leaves(place, extra):
        negative = not turned and any("negative" in str(s).lower() for s in part.place[1:])
        retrieved = any(step in _RETRIEVED for step in part.place[1:])
        if negative or _says_something(part):
            stage = Stage.CONTEXT if retrieved else Stage.PROMPT
            yield Part(part.place, part.text, stage, negative=negative)


def _says_something(part: Part) -> bool:
    return " " in part.text or len(part.text) >= _SHORTEST_EXTRA


def _together(place: Place, value: object) -> Iterator[Part]:
    """Yield the names in JSON and its short words as one text: nothing hides in pieces."""
    short = [
        part.text
        for part in _leaves(place, value)
        if len(part.text) < _SHORTEST_EXTRA
        and not any("negative" in str(step).lower() for step in part.place)
    ]
    for words in (_names(value), short):
        text = " ".join(words)
        if len(text) >= _SHORTEST_EXTRA:
            yield Part(place, text, joined=True)


def _names(value: object) -> list[str]:
    """Return the names of members, wherever they are, that may be more than names."""
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        own = [name for name in members if name not in _WIRE_WORDS]
        return own + [name for member in members.values() for name in _names(member)]
    if isinstance(value, list | tuple):
        return [name for item in cast("Sequence[object]", value) for name in _names(item)]
    return []


def _leaves(place: Place, value: object) -> Iterator[Part]:
    """Yield every text of JSON; what is only a word of the wire's own is among them."""
    if isinstance(value, str):
        if place[-1] not in _WIRE_WORDS or " " in value or len(value) > _LONGEST_WIRE_WORD:
            yield Part(place, value)
    elif isinstance(value, Mapping):
        for name, member in cast("Mapping[str, object]", value).items():
            yield from _leaves((*place, name), member)
    elif isinstance(value, list | tuple):
        for n, item in enumerate(cast("Sequence[object]", value)):
            yield from _leaves((*place, n), item)


# Members of OpenAI's messages that hold no words of anybody.
_WIRE_WORDS: Final = frozenset(
    {"type", "id", "role", "detail", "format", "file_id", "tool_call_id", "call_id"}
)


def with_picture(part: Part) -> Part:
    """Return the picture that a text is; of one with anything else in it, an empty one."""
    return Part(part.place, stage=part.stage, picture=picture_of(part.text))


def _is_picture(part: Part) -> bool:
    if part.joined or not is_picture(part.text):
        return False
    first = part.place[0] if part.place else ""
    if first and first not in _HOLD_PICTURES:
        return False
    # The items of a list are what the list is called.
    name = next((step.lower() for step in reversed(part.place) if isinstance(step, str)), "")
    if is_wording(name):
        return False
    # Whoever has a picture there reads no words behind it; elsewhere nobody knows.
    medium = is_medium(name) or (name == "data" and first == "messages")
    return not name or medium or is_nothing_else(part.text)
