"""Forms with files: the same parts however they are cut, and a clear no to what is none."""

import pytest

from producer.api.form_parts import FormParser, Part
from schemas.errors import InputError

BOUNDARY = "b0undary"
FORM = (
    b"a preamble that nobody reads\r\n"
    b"--b0undary\r\n"
    b'Content-Disposition: form-data; name="purpose"\r\n\r\n'
    b"batch\r\n"
    b"--b0undary  \t\r\n"
    b'content-disposition: FORM-DATA; filename="a \\"b\\"; name=x.jsonl"; name="file"\r\n'
    b"Content-Type: Application/JSONL; charset=utf-8\r\n\r\n"
    b'{"a": 1}\r\n--b0undar\r\n\r\n-- b0undary\r\n'
    b"\r\n--b0undary\r\n"
    b'Content-Disposition: form-data; name="empty"\r\n\r\n'
    b"\r\n--b0undary--\r\nand what follows"
)
PARTS = [
    (Part("purpose", None, ""), b"batch"),
    (
        Part("file", 'a "b"; name=x.jsonl', "application/jsonl"),
        b'{"a": 1}\r\n--b0undar\r\n\r\n-- b0undary\r\n',
    ),
    (Part("empty", None, ""), b""),
]


def parts_of(form: bytes, step: int) -> list[tuple[Part, bytes]]:
    parser = FormParser(BOUNDARY)
    found: list[tuple[Part, bytes]] = []
    for start in range(0, len(form), step):
        for event in parser.feed(form[start : start + step]):
            if isinstance(event, Part):
                found.append((event, b""))
            else:
                found[-1] = (found[-1][0], found[-1][1] + event)
    assert parser.complete
    return found


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, len(FORM)])
def test_a_form_gives_the_same_parts_however_it_is_cut(step: int) -> None:
    assert parts_of(FORM, step) == PARTS


def test_what_is_held_does_not_grow_with_the_file() -> None:
    parser = FormParser(BOUNDARY)
    begun = FORM[: FORM.index(b'{"a"')]
    list(parser.feed(begun))
    piece = b"\r\n--b0undarx" * 5_000
    for _ in range(20):
        given = sum(len(event) for event in parser.feed(piece) if isinstance(event, bytes))
        assert len(piece) - given < len(BOUNDARY) + 4


def test_a_name_in_another_alphabet_is_understood() -> None:
    head = (
        "Content-Disposition: form-data; name=file; filename*=UTF-8''K%C3%A4fer.jsonl\r\n\r\n"
    )
    form = f"--{BOUNDARY}\r\n{head}x\r\n--{BOUNDARY}--".encode()

    assert parts_of(form, 5) == [(Part("file", "Käfer.jsonl", ""), b"x")]


@pytest.mark.parametrize(
    ("form", "why"),
    [
        (b"--b0undary-x\r\n", "followed by something else"),
        (b"--b0undaryy\r\n", "followed by something else"),
        (b"--b0undary" + b" " * 300, "followed by something else"),
        (b"--b0undary\r\n\r\nno head", "no Content-Disposition"),
        (b"--b0undary\r\nContent-Disposition: attachment\r\n\r\n", "no Content-Disposition"),
        (b"--b0undary\r\nContent-Disposition: form-data\r\n\r\n", "no Content-Disposition"),
        (b"--b0undary\r\nX: " + b"y" * 9_000, "more than 8192 bytes"),
        (
            b"--b0undary\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * 41,
            "more than 40 parts",
        ),
        # Whoever does not come to the point, or to the end, is not listened to for ever.
        (b"x" * 66_000, "before or after its parts"),
        (FORM + b"\r\n" + b"x" * 66_000, "before or after its parts"),
    ],
)
def test_what_is_no_form_is_refused_with_the_reason(form: bytes, why: str) -> None:
    for step in (1, len(form)):
        with pytest.raises(InputError, match=why):
            parts_of(form, step)
