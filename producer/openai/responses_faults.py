"""Faults in what a response is asked for, named as OpenAI names them."""

from typing import NoReturn

from schemas.errors import FieldError, InputError
from schemas.facade_errors import UnsupportedParameterError


def wrong(name: str, why: str) -> NoReturn:
    """Refuse a value, by its path in dots.

    Raises:
        InputError: Always.
    """
    raise InputError(f"{name}: {why}", fields=[FieldError(_place_of(name), why)])


def unsupported(name: str, why: str) -> NoReturn:
    """Refuse a parameter, by its path in dots.

    Raises:
        UnsupportedParameterError: Always.
    """
    raise UnsupportedParameterError(f"{name}: {why}", fields=[FieldError(_place_of(name), why)])


def _place_of(name: str) -> str:
    pointer = "/" + name.replace(".", "/")
    # Faults inside a job's own input are told without that word, which is OpenAI's here.
    return f"/input{pointer}" if name.startswith("input.") else pointer
