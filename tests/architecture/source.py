"""The project's files, as the architecture tests read them."""

import ast
import fnmatch
import io
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("genq", "producer", "worker", "infra", "schemas", "migrations")
_LAYOUT_TOKENS: Final = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.ENCODING,
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file: where it is from the root, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def tokens(self) -> list[tokenize.TokenInfo]:
        return list(tokenize.generate_tokens(io.StringIO(self.text).readline))

    @property
    def comments(self) -> list[tuple[int, str]]:
        return [(t.start[0], t.string) for t in self.tokens if t.type == tokenize.COMMENT]

    @property
    def functions(self) -> list[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @property
    def strings(self) -> list[tuple[int, str]]:
        """Every string constant that is not a docstring; the parts of f-strings as one."""
        documentation = {id(constant) for constant in _docstrings(self.tree)}
        joined = [node for node in ast.walk(self.tree) if isinstance(node, ast.JoinedStr)]
        inside = {id(value) for node in joined for value in node.values}
        found = [
            (node.lineno, "".join(_constant(value) or "{}" for value in node.values))
            for node in joined
        ]
        for node in ast.walk(self.tree):
            text = _constant(node)
            if text is not None and id(node) not in documentation | inside:
                found.append((getattr(node, "lineno", 0), text))
        return found

    def code_lines(self, first: int, last: int) -> set[int]:
        """Lines from ``first`` to ``last`` that hold code, whatever code it is."""
        return self._code & set(range(first, last + 1))

    @cached_property
    def _code(self) -> set[int]:
        return {
            line
            for token in self.tokens
            if token.type not in _LAYOUT_TOKENS
            for line in range(token.start[0], token.end[0] + 1)
        }


def length_of(source: Source, function: Function) -> int:
    """Lines of code of a function, its signature included, its docstring not."""
    lines = source.code_lines(function.lineno, function.end_lineno or function.lineno)
    first = function.body[0]
    if isinstance(first, ast.Expr) and _constant(first.value) is not None:
        lines -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(lines)


def dotted(node: ast.AST) -> str:
    """The name that an expression spells, such as ``asyncio.sleep``; empty if it is none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else node.attr
    return ""


def python_files(*folders: str, root: Path = ROOT) -> list[Source]:
    """Every Python file below ``folders``, or of the whole project."""
    wanted = folders or (*PACKAGES, "tests")
    files = [file for folder in wanted for file in sorted((root / folder).rglob("*.py"))]
    return [_read(file, root) for file in files]


def refuse(faults: Iterable[str]) -> None:
    """Fail with one line per fault, if there is any."""
    lines = list(faults)
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


def project_files(root: Path = ROOT) -> Iterator[Path]:
    """Every file that is, or would be, committed."""
    for entry in project_entries(root):
        yield from _files_below(entry, _ignored(root))


def project_entries(root: Path = ROOT) -> list[Path]:
    """What stands at the top level and is, or would be, committed."""
    ignored = _ignored(root)
    return [entry for entry in sorted(root.iterdir()) if not _matches(entry.name, ignored)]


@cache
def _read(file: Path, root: Path) -> Source:
    return Source(str(file.relative_to(root)), file.read_text())


def _files_below(entry: Path, ignored: list[str]) -> Iterator[Path]:
    if _matches(entry.name, ignored):
        return
    if entry.is_dir():
        for child in sorted(entry.iterdir()):
            yield from _files_below(child, ignored)
    else:
        yield entry


def _ignored(root: Path) -> list[str]:
    lines = (root / ".gitignore").read_text().split()
    return [".git", *(line.strip("/") for line in lines)]


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _constant(node: ast.AST) -> str | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else None


def _docstrings(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        # A string that stands alone is documentation, of what stands before it or around it.
        if isinstance(node, ast.Expr) and _constant(node.value) is not None:
            yield node.value
