"""Keys and passwords in texts: they are no business of a model, whoever runs it."""

from collections.abc import Iterator, Sequence
from typing import Final

from infra.safety.reading import Reading
from infra.safety.secret_shapes import PLACEHOLDER, SECRET_SHAPES, SecretShape
from schemas.safety import Finding, Medium, Stage

CATEGORY: Final = "secret"

_SIGNS: Final = tuple(dict.fromkeys(sign for shape in SECRET_SHAPES for sign in shape.signs))

Found = tuple[str, float, int, int]


class SecretsDetector:
    """Finds keys of well-known services, private keys, passwords in URLs and in sentences.

    Evidence tells kinds and counts; no part of a secret leaves here but its place.
    """

    name: Final = "SecretsDetector"
    version: Final = "1"
    stages: Final = frozenset(Stage)
    media: Final = frozenset({Medium.TEXT})

    def check(self, reading: Reading) -> Sequence[Finding]:
        """Return one finding with all places, or none."""
        found = sorted(secrets_in(reading.text), key=_place)
        if not found:
            return ()
        return (
            Finding(
                self.name,
                self.version,
                CATEGORY,
                max(score for _, score, _, _ in found),
                tuple(reading.span(start, end) for _, _, start, end in found),
                evidence={"kinds": sorted({one[0] for one in found}), "count": len(found)},
            ),
        )


def secrets_in(text: str) -> Iterator[Found]:
    """Yield kind, score, start and end; a place has one kind."""
    said = text.lower()
    # Most texts have none of the signs: one loop over all of them tells so.
    signs = [sign for sign in _SIGNS if sign in said]
    if not signs:
        return
    taken = bytearray(len(text))
    for shape in SECRET_SHAPES:
        if not any(sign in signs for sign in shape.signs):
            continue
        for start, end in _places(shape, text):
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                yield shape.name, shape.score, start, end


def _places(shape: SecretShape, text: str) -> Iterator[tuple[int, int]]:
    group = "secret" if "secret" in shape.shape.groupindex else 0
    for match in shape.shape.finditer(text):
        if not (shape.guessed and PLACEHOLDER.match(match.group(group))):
            yield match.span(group)


def _place(found: Found) -> int:
    return found[2]
