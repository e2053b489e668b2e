"""Policies in YAML: read strictly, every fault told with its line and its path."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final, cast

import yaml
from pydantic import ValidationError

from schemas.policy_detectors import ALIASES
from schemas.policy_document import PolicyDocument, merged

LARGEST: Final = 1 << 20
"""Bytes of a document."""
_DEEPEST: Final = 20
_MOST_NODES: Final = 40_000
# No more are told: a document may have as many as it has names.
_MOST_FAULTS: Final = 50
_LONGEST_NUMBER: Final = 40
_NUMBERS: Final = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})
_DEFAULT: Final = "default_policy.yaml"
_MERGE: Final = "<<"


@dataclass(frozen=True, slots=True)
class DocumentFault:
    """One thing that is wrong with a document.

    Attributes:
        path: Where: ``("categories", "violence", "block")``.
        line: From 1; 0 where there is no file.
    """

    path: tuple[str, ...]
    message: str
    line: int = 0

    @property
    def pointer(self) -> str:
        """The place as a JSON pointer (RFC 6901)."""
        steps = (step.replace("~", "~0").replace("/", "~1") for step in self.path)
        return "".join(f"/{step}" for step in steps)

    def __str__(self) -> str:
        """Return it in one line."""
        line = f"line {self.line}: " if self.line else ""
        place = f"{'.'.join(self.path)}: " if self.path else ""
        return f"{line}{place}{self.message}"


class FaultyDocumentError(ValueError):
    """A document is no policy.

    Attributes:
        faults: Everything that is wrong with it, as far as it could be read.
    """

    def __init__(self, faults: Sequence[DocumentFault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


class Lines:
    """Which line of a file a path of its document stands on."""

    def __init__(self, root: yaml.Node | None) -> None:
        self._root = root

    def of(self, path: Sequence[str]) -> int:
        """Return the line of a path, or of the deepest part of it that is there."""
        node = self._root
        if node is None:
            return 0
        line = node.start_mark.line
        for step in path:
            found = _step(node, step)
            if found is None:
                break
            line, node = found
        return line + 1


class _Loader(yaml.SafeLoader):
    """YAML 1.2's booleans, ``true`` and ``false``: ``on`` is a word, as policies use it."""

    _left = _MOST_NODES

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node, of so many as a policy may have."""
        self._left -= 1
        if self._left < 0:
            raise FaultyDocumentError([DocumentFault((), _TOO_MANY, 1)])
        return super().compose_node(parent, index)


_TOO_MANY: Final = f"has more than {_MOST_NODES} values"

_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:bool"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _word in ("true", "false"):
    for _first in (_word[0], _word[0].upper()):
        _Loader.yaml_implicit_resolvers.setdefault(_first, []).append(
            ("tag:yaml.org,2002:bool", re.compile("true|false|True|False"))
        )


@cache
def default_policy() -> PolicyDocument:
    """Return the policy that comes with genq: a file of the package, read once."""
    text = resources.files("infra.safety").joinpath(_DEFAULT).read_text("utf-8")
    return read_policy(text)[0]


def whole_policy(document: PolicyDocument) -> PolicyDocument:
    """Return an installation's document with all that it leaves to the one of genq."""
    if document.extends is None:
        return document
    return merged(default_policy(), document)


def read_policy(text: str) -> tuple[PolicyDocument, Lines]:
    """Return the document that YAML (or JSON) describes, and where its parts stand.

    Raises:
        FaultyDocumentError: It describes none; every fault has its line.
    """
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        raise FaultyDocumentError([DocumentFault((), "is larger than 1 MiB")])
    value, lines = _parsed(text)
    return policy_from(value, lines), lines


def policy_from(value: object, lines: Lines | None = None) -> PolicyDocument:
    """Return the document that parsed JSON describes.

    Raises:
        FaultyDocumentError: It describes none.
    """
    if not isinstance(value, Mapping):
        raise FaultyDocumentError([DocumentFault((), "a policy is a mapping of names", 1)])
    try:
        return PolicyDocument.model_validate(value)
    except ValidationError as error:
        raise FaultyDocumentError(_faults(error, lines or Lines(None))) from None


def _parsed(text: str) -> tuple[object, Lines]:
    loader = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            raise FaultyDocumentError([DocumentFault((), "the file is empty", 1)])
        _refuse_oddities(root, (), (), iter(range(_MOST_NODES)))
        return _constructed(loader, root), Lines(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise FaultyDocumentError(
            [DocumentFault((), f"no YAML: {error.problem or error.context}", line)]
        ) from None
    except _UNREADABLE as error:
        if isinstance(error, FaultyDocumentError):
            raise
        raise FaultyDocumentError([DocumentFault((), f"no YAML: {error}", 1)]) from None
    finally:
        if loader is not None:
            loader.dispose()


# The last four come of tags: ``!!bool maybe``, ``!!timestamp soon``.
_UNREADABLE: Final = (
    yaml.YAMLError,
    ValueError,
    RecursionError,
    LookupError,
    AttributeError,
    ArithmeticError,
    TypeError,
)


def _constructed(loader: Any, root: yaml.Node) -> object:
    # PyYAML's types leave the argument out.
    return loader.construct_document(root)


def _refuse_oddities(
    node: yaml.Node, path: tuple[str, ...], above: tuple[int, ...], room: Iterator[int]
) -> None:
    """Refuse names that are given twice, and what makes a small file a large document."""
    line = node.start_mark.line + 1
    if next(room, None) is None:
        # By its aliases: what is written once may count a million times.
        raise FaultyDocumentError([DocumentFault((), _TOO_MANY, line)])
    if node.tag in _NUMBERS and not _is_short_number(str(node.value)):
        raise FaultyDocumentError([DocumentFault(path, "is no number of a policy", line)])
    if id(node) in above or len(path) > _DEEPEST:
        raise FaultyDocumentError([DocumentFault(path, "is nested too deep", line)])
    if isinstance(node, yaml.SequenceNode):
        for index, inner in enumerate(cast("list[yaml.Node]", node.value)):
            _refuse_oddities(inner, (*path, str(index)), (*above, id(node)), room)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, inner in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            name = str(key.value)
            here = key.start_mark.line + 1
            if name == _MERGE or name in seen:
                wrong = "YAML merges are not read" if name == _MERGE else "stands here twice"
                raise FaultyDocumentError([DocumentFault((*path, name), wrong, here)])
            seen.add(name)
            _refuse_oddities(inner, (*path, name), (*above, id(node)), room)


def _is_short_number(written: str) -> bool:
    """Tell whether it takes no time to read; YAML 1.1 has numbers to the base of 60."""
    return len(written) <= _LONGEST_NUMBER and ":" not in written


def _step(node: yaml.Node, step: str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode):
        inner = cast("list[yaml.Node]", node.value)
        if step.isdecimal() and int(step) < len(inner):
            return inner[int(step)].start_mark.line, inner[int(step)]
    elif isinstance(node, yaml.MappingNode):
        for key, value in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            if step in {str(key.value), ALIASES.get(str(key.value))}:
                return key.start_mark.line, value
    return None


def _faults(error: ValidationError, lines: Lines) -> list[DocumentFault]:
    found: list[DocumentFault] = []
    for fault in error.errors(include_input=False, include_url=False)[:_MOST_FAULTS]:
        path = tuple(str(step) for step in fault["loc"] if step != "[key]")
        found.append(
            DocumentFault(path, _message(cast("dict[str, Any]", fault)), lines.of(path))
        )
    return sorted(found, key=lambda one: (one.line, one.path))


def _message(fault: dict[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        name = str(fault["loc"][-1])
        close = difflib.get_close_matches(name[:64], _names() - {name}, n=1)
        return "is unknown" + (f"; did you mean {close[0]}?" if close else "")
    message = str(fault["msg"]).removeprefix("Value error, ")
    return message[0].lower() + message[1:]


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    """Return every name that may stand anywhere in a policy."""
    found = set(PolicyDocument.model_fields)
    for definition in PolicyDocument.model_json_schema().get("$defs", {}).values():
        found.update(definition.get("properties", ()))
    return frozenset(found)
