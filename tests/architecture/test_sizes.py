"""Files and functions stay small enough to be read in one go."""

from tests.architecture.source import Source, length_of, python_files, refuse

LONGEST_FILE = 300
LONGEST_FUNCTION = 40


def too_long(source: Source) -> list[str]:
    faults: list[str] = []
    lines = source.text.count("\n")
    if lines > LONGEST_FILE:
        faults.append(f"{source.path}: {lines} lines, at most {LONGEST_FILE}")
    for function in source.functions:
        length = length_of(source, function)
        if length > LONGEST_FUNCTION:
            place = f"{source.path}:{function.lineno} {function.name}"
            faults.append(f"{place}: {length} lines of code, at most {LONGEST_FUNCTION}")
    return faults


def test_no_file_and_no_function_is_too_long() -> None:
    refuse(fault for source in python_files() for fault in too_long(source))


def test_docstring_blank_lines_and_comments_do_not_count() -> None:
    body = '    """One.\n\n    Two.\n    """\n\n    # why\n    x = (\n        1\n    )\n'
    source = Source("a.py", f"def f(\n    a: int,\n) -> None:\n{body}")

    assert length_of(source, source.functions[0]) == 6


def test_a_long_file_and_a_long_function_are_found() -> None:
    long_function = Source("a.py", "def f() -> None:\n" + "    x = 1\n" * 40)
    long_file = Source("b.py", "# line\n" * 301)

    assert too_long(long_function) == ["a.py:1 f: 41 lines of code, at most 40"]
    assert too_long(long_file) == ["b.py: 301 lines, at most 300"]
