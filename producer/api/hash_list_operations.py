"""The routes of block lists as the OpenAPI document tells of them, once for each owner."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.document import answer, parameter, problems
from producer.api.hash_lists import (
    change_entries,
    create_hash_list,
    delete_hash_list,
    list_hash_lists,
    show_entries,
    show_hash_list,
)
from producer.api.json_body import JSON_BODY
from producer.api.operations import Operation
from producer.api.services import Services
from schemas.hash_list import MAX_LINES
from schemas.scopes import KeyScope

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

_NAME: Final = parameter(
    "path", "list", "The list's name.", pattern="^[a-z0-9][a-z0-9._-]{0,62}$"
)
_PAGING: Final = [
    parameter(
        "query",
        "limit",
        "How many entries.",
        type="integer",
        minimum=1,
        maximum=MAX_LINES,
        default=1_000,
    ),
    parameter("query", "after", "The 'next' of the page before.", maxLength=200),
]
_UNKNOWN: Final = problems(_404="There is no such list.")


@dataclass(frozen=True, slots=True)
class _Door:
    """Whose lists are reached: one's own, or those that count for all tenants."""

    name: str
    path: str
    whose: str
    reads: KeyScope
    writes: KeyScope
    tag: str

    def routes(self) -> Iterator[tuple[Operation, _Route]]:
        yield self._list(), list_hash_lists
        yield self._create(), create_hash_list
        yield self._show(), show_hash_list
        yield self._delete(), delete_hash_list
        yield self._change(), change_entries
        yield self._entries(), show_entries

    def _list(self) -> Operation:
        return Operation(
            name=f"list_{self.name}_hash_lists",
            path=self.path,
            summary="List block lists",
            description=f"Fingerprints of what is not to be made or taken: {self.whose}.",
            tag=self.tag,
            scope=self.reads,
            answers={200: answer("All of them, by name.", "HashListsView")},
        )

    def _create(self) -> Operation:
        return Operation(
            name=f"create_{self.name}_hash_list",
            method="POST",
            path=self.path,
            summary="Make a block list",
            description="It is empty, and says what follows when something is on it.",
            tag=self.tag,
            scope=self.writes,
            body="HashListRequest",
            answers={201: answer("The list.", "HashListView", headers=("Location",))}
            | JSON_BODY
            | problems(_409="There is a list of this name."),
        )

    def _show(self) -> Operation:
        return Operation(
            name=f"get_{self.name}_hash_list",
            path=f"{self.path}/{{list}}",
            summary="Look at a block list",
            description="What it is for, and how many entries it has.",
            tag=self.tag,
            scope=self.reads,
            parameters=[_NAME],
            answers={200: answer("The list.", "HashListView")} | _UNKNOWN,
        )

    def _delete(self) -> Operation:
        return Operation(
            name=f"delete_{self.name}_hash_list",
            method="DELETE",
            path=f"{self.path}/{{list}}",
            summary="Delete a block list",
            description="With all that is on it. It counts nowhere within three seconds.",
            tag=self.tag,
            scope=self.writes,
            parameters=[_NAME],
            answers={204: {"description": "It is gone."}, **_UNKNOWN},
        )

    def _change(self) -> Operation:
        return Operation(
            name=f"change_{self.name}_hash_entries",
            method="POST",
            path=f"{self.path}/{{list}}/entries",
            summary="Put entries on a block list",
            description="As lines: sha256:…, phash256:… or dhash64:… in hex, and after a space "
            "a note; or send a picture, which is known again by what it looks like. "
            "They count everywhere within three seconds. With remove they are taken off.",
            tag=self.tag,
            scope=self.writes,
            parameters=[_NAME],
            body="HashEntriesRequest",
            takes_picture=True,
            answers={200: answer("What changed.", "HashEntriesView")} | JSON_BODY | _UNKNOWN,
        )

    def _entries(self) -> Operation:
        return Operation(
            name=f"list_{self.name}_hash_entries",
            path=f"{self.path}/{{list}}/entries",
            summary="Export a block list",
            description="Its entries as the lines that an import takes.",
            tag=self.tag,
            scope=self.reads,
            parameters=[_NAME, *_PAGING],
            answers={200: answer("One page of lines.", "HashEntryPage", headers=("Link",))}
            | _UNKNOWN
            | problems(_400="A query parameter is wrong."),
        )


_OWN: Final = _Door(
    name="own",
    path="/v1/safety/hash_lists",
    whose="one's own",
    reads=KeyScope.SAFETY_READ,
    writes=KeyScope.SAFETY_WRITE,
    tag="safety",
)
_ALL: Final = _Door(
    name="installation",
    path="/v1/admin/safety/hash_lists",
    whose="those of the installation, which count for all tenants",
    reads=KeyScope.ADMIN,
    writes=KeyScope.ADMIN,
    tag="admin",
)

HASH_LIST_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    *_OWN.routes(),
    *_ALL.routes(),
)
