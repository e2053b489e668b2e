"""The routes of API keys as the OpenAPI document tells of them, once for each who may ask."""

from dataclasses import dataclass
from typing import Any, Final

from producer.api.document import LISTING, answer, parameter, problems
from producer.api.json_body import JSON_BODY
from producer.api.operations import Operation
from schemas.scopes import KeyScope

TENANT: Final = parameter("path", "tenant", "The tenant's name.", maxLength=128)
_KEY_ID: Final = parameter(
    "path", "key_id", "The key's id, key_…", pattern="^key_[0-9a-z]{26}$"
)
_LIMIT: Final = next(told for told in LISTING if told["name"] == "limit") | {
    "description": "How many keys."
}
_AFTER: Final = parameter("query", "after", "The 'next' of the page before.")
_QUERY: Final = problems(_400="A query parameter is wrong.")


@dataclass(frozen=True, slots=True)
class _Door:
    """Where keys are reached: a tenant's own, or those of a tenant that an operator names."""

    name: str
    path: str
    parameters: tuple[dict[str, Any], ...]
    reads: KeyScope
    writes: KeyScope
    tag: str
    unknown: str
    no_owner: dict[int | str, dict[str, Any]]

    def list_keys(self) -> Operation:
        return Operation(
            name=f"list_{self.name}s",
            path=self.path,
            summary="List API keys",
            description="Newest first; the keys themselves are kept nowhere.",
            tag=self.tag,
            scope=self.reads,
            parameters=[*self.parameters, _LIMIT, _AFTER],
            answers={200: answer("One page of keys.", "KeyPage", headers=("Link",))}
            | _QUERY
            | self.no_owner,
        )

    def create_key(self) -> Operation:
        return Operation(
            name=f"create_{self.name}",
            method="POST",
            path=self.path,
            summary="Make an API key",
            description="The answer shows it this once. It can do no more than the caller's.",
            tag=self.tag,
            scope=self.writes,
            parameters=[*self.parameters],
            body="KeyRequest",
            answers={201: answer("The key.", "NewKeyView", headers=("Location",))}
            | JSON_BODY
            | self.no_owner,
        )

    def show_key(self) -> Operation:
        return Operation(
            name=f"get_{self.name}",
            path=f"{self.path}/{{key_id}}",
            summary="Look at an API key",
            description="What it may do, when it ends, and when it was last used.",
            tag=self.tag,
            scope=self.reads,
            parameters=[*self.parameters, _KEY_ID],
            answers={200: answer("The key.", "KeyView")} | problems(_404=self.unknown),
        )

    def rotate_key(self) -> Operation:
        return Operation(
            name=f"rotate_{self.name}",
            method="POST",
            path=f"{self.path}/{{key_id}}/rotate",
            summary="Rotate an API key",
            description="Makes a key that may do the same. The old one works on for the "
            "overlap, a day unless told otherwise.",
            tag=self.tag,
            scope=self.writes,
            parameters=[*self.parameters, _KEY_ID],
            body="KeyRotation",
            body_required=False,
            answers={201: answer("The new key.", "NewKeyView", headers=("Location",))}
            | JSON_BODY
            | problems(
                _404=self.unknown,
                _409="It has ended, or was rotated before.",
            ),
        )

    def revoke_key(self) -> Operation:
        return Operation(
            name=f"revoke_{self.name}",
            method="DELETE",
            path=f"{self.path}/{{key_id}}",
            summary="Revoke an API key",
            description="It works no more, after five seconds at the latest.",
            tag=self.tag,
            scope=self.writes,
            parameters=[*self.parameters, _KEY_ID],
            answers={200: answer("The key.", "KeyView")} | problems(_404=self.unknown),
        )


_OWN: Final = _Door(
    name="key",
    path="/v1/keys",
    parameters=(),
    reads=KeyScope.TENANT_READ,
    writes=KeyScope.TENANT_WRITE,
    tag="keys",
    unknown="This tenant has no such key.",
    no_owner={},
)
_ANY: Final = _Door(
    name="tenant_key",
    path="/v1/admin/tenants/{tenant}/keys",
    parameters=(TENANT,),
    reads=KeyScope.ADMIN,
    writes=KeyScope.ADMIN,
    tag="admin",
    unknown="There is no such tenant, or it has no such key.",
    no_owner=problems(_404="There is no such tenant."),
)

LIST_KEYS: Final = _OWN.list_keys()
CREATE_KEY: Final = _OWN.create_key()
SHOW_KEY: Final = _OWN.show_key()
ROTATE_KEY: Final = _OWN.rotate_key()
REVOKE_KEY: Final = _OWN.revoke_key()
LIST_TENANT_KEYS: Final = _ANY.list_keys()
CREATE_TENANT_KEY: Final = _ANY.create_key()
SHOW_TENANT_KEY: Final = _ANY.show_key()
ROTATE_TENANT_KEY: Final = _ANY.rotate_key()
REVOKE_TENANT_KEY: Final = _ANY.revoke_key()
