"""Shapes are built when they are first used, and every one of them can be."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from pydantic import BaseModel

import schemas
from schemas.shape import Shape


def test_a_shape_is_built_when_it_is_first_used() -> None:
    class Wind(Shape):
        knots: int

    class Gale(Wind):
        gusts: int = 0

    assert not Wind.__pydantic_complete__
    assert not Gale.__pydantic_complete__

    assert Gale.model_validate({"knots": 40}).model_dump() == {"knots": 40, "gusts": 0}

    assert Gale.__pydantic_complete__
    assert not Wind.__pydantic_complete__


def test_every_shape_can_be_built() -> None:
    for module in pkgutil.iter_modules(schemas.__path__, "schemas."):
        import_module(module.name)
    found = [one for one in descendants(BaseModel) if one.__module__.startswith("schemas.")]

    assert len(found) > 200
    for one in found:
        one.model_rebuild()
        assert one.__pydantic_complete__, f"{one.__module__}.{one.__name__}"


def descendants(one: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for child in one.__subclasses__():
        yield child
        yield from descendants(child)
