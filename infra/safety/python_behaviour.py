"""What a Python program does, as far as its syntax tells: calls that are bad only together."""

import ast
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

LONGEST: Final = 32_768
"""Characters; the parser takes a tenth of a second for as many. Longer code is cut."""
# Deep nesting makes the parser slow, or use up the stack; no honest program has it.
_DEEPEST: Final = 60
_LONG_CHAIN: Final = re.compile(r"(?:[-+~!(\[{]|not |lambda:|\w\.|\w\(\)\.|\w=){200}")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Signs that together are a behaviour.

    Attributes:
        calls: Patterns of dotted names; each has to be called or used.
        strings: Patterns; each has to be in some string.
        score: How sure that is, as a finding.
    """

    name: str
    calls: Sequence[str] = ()
    strings: Sequence[str] = ()
    score: float = 0.65


_DECODERS: Final = re.compile(
    r"base64\.\w*decode|(?:.*\.)?b64decode|zlib\.decompress|bytes\.fromhex|marshal\.loads"
    r"|codecs\.decode|binascii\.\w+|requests\.get|urllib\.request\.urlopen|urlopen|gzip\.decompress|lzma\.decompress"
    r"|Fernet|.*\.decrypt|httpx\.get"
)
_RUNNERS: Final = frozenset(
    {"exec", "eval", "compile", "builtins.exec", "__builtins__.exec", "runpy.run_path"}
)


@dataclass(slots=True)
class _Program:
    names: set[str] = field(default_factory=set[str])
    strings: list[str] = field(default_factory=list[str])
    runs_decoded: bool = False
    forks_forever: bool = False


def behaviours_of(code: str, known: Sequence[Behaviour]) -> Sequence[Behaviour]:
    """Return what a Python program does of what is known; nothing, if it is no Python."""
    tree = _parsed(textwrap.dedent(code))
    if tree is None:
        return ()
    program = _read(tree)
    return tuple(_held(program, known))


def _parsed(code: str) -> ast.Module | None:
    if len(code) > LONGEST or _LONG_CHAIN.search(code) or _depth(code) > _DEEPEST:
        return None
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _depth(code: str) -> int:
    depth = deepest = 0
    for sign in re.findall(r"[()\[\]{}]", code):
        depth += 1 if sign in "([{" else -1
        deepest = max(deepest, depth)
    return deepest


def _read(tree: ast.Module) -> _Program:
    program = _Program()
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            aliases |= _imported(node)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            program.names.add(_dotted(node, aliases))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            value = node.value
            program.strings.append(value if isinstance(value, str) else value.decode("latin-1"))
        elif isinstance(node, ast.Call) and _dotted(node.func, aliases) in _RUNNERS:
            program.runs_decoded = program.runs_decoded or _decodes(node, aliases)
        elif isinstance(node, ast.While) and _forks(node, aliases):
            program.forks_forever = True
    return program


def _imported(node: ast.Import | ast.ImportFrom) -> dict[str, str]:
    if isinstance(node, ast.Import):
        return {name.asname: name.name for name in node.names if name.asname}
    module = node.module or ""
    return {name.asname or name.name: f"{module}.{name.name}" for name in node.names}


def _dotted(node: ast.AST, aliases: dict[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        else:
            node = node.func
    parts.append(aliases.get(node.id, node.id) if isinstance(node, ast.Name) else "")
    return ".".join(reversed(parts))


def _decodes(call: ast.Call, aliases: dict[str, str]) -> bool:
    return any(
        _DECODERS.fullmatch(_dotted(node.func, aliases)) is not None
        for argument in call.args
        for node in ast.walk(argument)
        if isinstance(node, ast.Call)
    )


def _forks(loop: ast.While, aliases: dict[str, str]) -> bool:
    forever = isinstance(loop.test, ast.Constant) and bool(loop.test.value)
    called = {
        _dotted(node.func, aliases)
        for part in loop.body
        for node in ast.walk(part)
        if isinstance(node, ast.Call)
    }
    # Who also accepts, waits or counts is a server.
    return forever and called == {"os.fork"}


def _held(program: _Program, known: Sequence[Behaviour]) -> Iterator[Behaviour]:
    if program.runs_decoded:
        yield Behaviour("runs_decoded_code")
    if program.forks_forever:
        yield Behaviour("fork_bomb")
    names = "\n".join(sorted(program.names))
    strings = "\n".join(program.strings)
    for behaviour in known:
        called = all(re.search(rf"(?m)^(?:{one})$", names) for one in behaviour.calls)
        if called and all(re.search(one, strings, re.MULTILINE) for one in behaviour.strings):
            yield behaviour
