"""Calls, names and comments that are refused, each because of the bugs it brought elsewhere."""

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from tests.architecture.source import Source, dotted, python_files, refuse

# A test that patches proves the patch. A test that sleeps is slow or red, never right.
PATCHING = ("monkeypatch.setattr", "monkeypatch.setitem", "mocker.patch", "mock.patch", "patch")
MOCKS = ("unittest.mock", "mock", "pytest_mock")
SLEEPS = ("asyncio.sleep", "time.sleep", "anyio.sleep")
# These may sleep: they build the waiting that tests use, or measure time itself.
MAY_SLEEP = ("tests/fixtures/", "tests/bench/", "tests/chaos/")
SLEEP_WAIVER = re.compile(r"# sleeps: \S+")

VAGUE_FILE = re.compile(r"(^|_)(manager|handler|helper|util|common|base|core|misc)s?$")
VAGUE_CLASS = re.compile(r"(Manager|Handler|Helper|Util|Common|Base|Core|Misc)s?$")
WAIVER = re.compile(
    r"#\s*(noqa|type:\s*ignore|pyright:\s*ignore)(:\s*[A-Z0-9, ]+|\[[\w, -]+\])?"
)
POSTPONED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def patches_and_mocks(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        place = f"{source.path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call) and dotted(node.func) in PATCHING:
            yield f"{place}: {dotted(node.func)}: hand a fake in instead"
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        if any(name in MOCKS for name in names):
            yield f"{place}: mocks are refused: write a fake in tests/fixtures"


def sleeps_in_tests(source: Source) -> Iterator[str]:
    if not source.path.startswith("tests/") or source.path.startswith(MAY_SLEEP):
        return
    waived = {line for line, comment in source.comments if SLEEP_WAIVER.match(comment)}
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or dotted(node.func) not in SLEEPS:
            continue
        gives_way = bool(node.args) and ast.unparse(node.args[0]) == "0"
        if not gives_way and node.lineno not in waived:
            yield f"{source.path}:{node.lineno}: wait for an event, or say '# sleeps: why'"


def vague_names(source: Source) -> Iterator[str]:
    *folders, file = source.path.removesuffix(".py").split("/")
    for part in (*folders, file):
        if VAGUE_FILE.search(part):
            yield f"{source.path}: {part!r} says nothing"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and VAGUE_CLASS.search(node.name):
            yield f"{source.path}:{node.lineno}: class {node.name} says nothing"


def bad_comments(source: Source) -> Iterator[str]:
    for line, comment in source.comments:
        place = f"{source.path}:{line}"
        if POSTPONED.search(comment):
            yield f"{place}: do it, or open an issue"
        waiver = WAIVER.search(comment)
        if waiver and waiver[2] is None:
            yield f"{place}: name what is waived"
        elif waiver and len(comment[waiver.end() :].strip(" -#:,")) < len("why"):
            yield f"{place}: a waiver gives its reason on its own line"


def postponed_annotations(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            yield f"{source.path}:{node.lineno}: annotations are read at run time here"


Rule = Callable[[Source], Iterator[str]]
RULES: tuple[Rule, ...] = (
    patches_and_mocks,
    sleeps_in_tests,
    vague_names,
    bad_comments,
    postponed_annotations,
)


@pytest.mark.parametrize("rule", RULES)
def test_the_source_keeps(rule: Rule) -> None:
    refuse(fault for source in python_files() for fault in rule(source))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (patches_and_mocks, "monkeypatch.setattr('worker.app.x', 1)"),
        (patches_and_mocks, "from unittest.mock import Mock"),
        (patches_and_mocks, "from unittest import mock"),
        (patches_and_mocks, "import unittest.mock"),
        (sleeps_in_tests, "await asyncio.sleep(1)"),
        (sleeps_in_tests, "time.sleep(0.1)"),
        (vague_names, "class JobManager: ..."),
        (bad_comments, "x = 1  # TO" + "DO: later"),
        (bad_comments, "x = 1  # no" + "qa"),
        (bad_comments, "x = 1  # no" + "qa: E501"),
        (bad_comments, "x = 1  # pyright: ig" + "nore[reportCallIssue]"),
        (postponed_annotations, "from __future__ import annotations"),
    ],
)
def test_each_rule_can_fail(rule: Rule, text: str) -> None:
    assert len(list(rule(Source("tests/unit/x.py", text)))) == 1


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (patches_and_mocks, "monkeypatch.setenv('GENQ_LANES', '[]')"),
        (sleeps_in_tests, "await asyncio.sleep(0)"),
        (sleeps_in_tests, "await asyncio.sleep(9)  # sleeps: a model server that hangs"),
        (bad_comments, "x = 1  # no" + "qa: E501 - a URL"),
        (bad_comments, "x = 1  # pyright: ig" + "nore[reportCallIssue] - no types there"),
    ],
)
def test_each_rule_lets_the_right_thing_pass(rule: Rule, text: str) -> None:
    assert list(rule(Source("tests/unit/x.py", text))) == []


def test_a_vague_file_name_is_found() -> None:
    assert len(list(vague_names(Source("worker/utils.py", "")))) == 1
    assert len(list(vague_names(Source("infra/retry_helper.py", "")))) == 1
    assert list(vague_names(Source("infra/database.py", "class Database: ..."))) == []
