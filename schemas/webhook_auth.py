"""Credentials of an endpoint, beside the signature: which kinds, and what each needs."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator

from schemas.shape import Shape
from schemas.webhooks import AuthKind

_LONGEST: Final = 16_384
_LONGEST_URL: Final = 2_048
_VISIBLE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")

# What each kind needs, and what it may have besides.
_MEMBERS: Final[Mapping[AuthKind, tuple[frozenset[str], frozenset[str]]]] = MappingProxyType(
    {
        AuthKind.NONE: (frozenset(), frozenset()),
        AuthKind.BASIC: (frozenset({"username", "password"}), frozenset()),
        AuthKind.BEARER: (frozenset({"token"}), frozenset()),
        AuthKind.OAUTH2: (
            frozenset({"token_url", "client_id", "client_secret"}),
            frozenset({"scope"}),
        ),
        AuthKind.MTLS: (frozenset({"certificate", "key"}), frozenset()),
    }
)

_Text = Annotated[str, Field(min_length=1, max_length=_LONGEST)] | None


class EndpointAuth(Shape):
    """How requests to an endpoint prove who sends them; never shown again.

    ``basic`` needs ``username`` and ``password``; ``bearer`` a ``token``; ``oauth2`` (client
    credentials) ``token_url``, ``client_id`` and ``client_secret``, and may have a ``scope``;
    ``mtls`` ``certificate`` and ``key``, both PEM.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: AuthKind
    username: _Text = Field(default=None, repr=False)
    password: _Text = Field(default=None, repr=False)
    token: _Text = Field(default=None, repr=False)
    token_url: Annotated[str, Field(min_length=1, max_length=_LONGEST_URL)] | None = None
    client_id: _Text = Field(default=None, repr=False)
    client_secret: _Text = Field(default=None, repr=False)
    scope: _Text = Field(default=None, repr=False)
    certificate: _Text = Field(default=None, repr=False)
    key: _Text = Field(default=None, repr=False)

    @property
    def credentials(self) -> dict[str, str]:
        """What was given beside the kind."""
        return self.model_dump(exclude={"kind"}, exclude_none=True)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed, allowed = _MEMBERS[self.kind]
        given = self.credentials
        if missing := needed - given.keys():
            raise ValueError(f"{self.kind.value} needs {', '.join(sorted(missing))}")
        if beyond := given.keys() - needed - allowed:
            raise ValueError(f"{self.kind.value} has no {', '.join(sorted(beyond))}")
        if self.kind is not AuthKind.MTLS:
            for name, value in given.items():
                if not _VISIBLE.fullmatch(value):
                    raise ValueError(
                        f"{name} must be visible ASCII characters, without spaces around them"
                    )
        if ":" in (self.username or ""):
            raise ValueError("username has a colon: HTTP takes what follows for the password")
        return self
