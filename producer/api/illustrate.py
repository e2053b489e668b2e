"""What the OpenAPI document shows beside its schemas: examples, error codes, links.

An example that nobody wrote is made from its schema, so that none is missing; a test holds each
against its schema.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, cast

import orjson

from producer.api.document import CODES
from producer.api.examples import HAND_MADE, JOB_ID_SHOWN, PROBLEM
from producer.api.problems import MEANINGS, MEDIA_TYPE
from schemas.error_catalog import by_code
from schemas.error_remedies import JOB_CODES
from schemas.errors import GenqError

Tree = dict[str, Any]

_ID_BODY: Final = JOB_ID_SHOWN.partition("_")[2]
_DEEPEST: Final = 12
_REFERENCE: Final = "#/components/schemas/"
_INSTANT: Final = "2026-11-20T10:00:00Z"
_BY_FORMAT: Final = {
    "date-time": _INSTANT,
    "date": "2026-11-20",
    "uri": "https://example.com/hook",
    "uuid": "019a9b2c-7d4e-7f60-8a1b-2c3d4e5f6071",
}
_BY_NAME: Final = {
    "binding_id": f"chb_{_ID_BODY}",
    "category": "model",
    "code": "model_timeout",
    "cron": "0 9 * * 1-5",
    "dead": JOB_ID_SHOWN,
    "end_user": "user-42",
    "endpoint_id": f"whe_{_ID_BODY}",
    "error_id": f"err_{_ID_BODY}",
    "event_id": f"evt_{_ID_BODY}",
    "job": JOB_ID_SHOWN,
    "error_file_id": f"file-{_ID_BODY}",
    "file_id": f"file-{_ID_BODY}",
    "input_file_id": f"file-{_ID_BODY}",
    "output_file_id": f"file-{_ID_BODY}",
    "key": "gq_3fKzmV8r…",
    "key_id": f"key_{_ID_BODY}",
    "message": "the model server did not answer in time",
    "model": "sim-image-1",
    "allowed_models": "sim-image-1",
    "name": "morning-kite",
    "plan": "starter",
    "prefix": "gq_3fKz",
    "sample": JOB_ID_SHOWN,
    "schedule_id": f"sched_{_ID_BODY}",
    "severity": "high",
    "since": _INSTANT,
    "slot": _INSTANT,
    "submitted_before": _INSTANT,
    "tenant": "acme",
    "timestamp": _INSTANT,
    "timezone": "Europe/Berlin",
    "until": _INSTANT,
    "signing_secret": "whsec_MfKQ9r8GKYqr…",
    "signing_secret_hint": "whsec_…LaSw",
    "token": "gqp_AZq3…",
    "url": "https://example.com/hook",
    "webhook_secret": "whsec_MfKQ9r8GKYqr…",
}
# By the thing's "object": how its id begins.
_PREFIXES: Final = {
    "api_key": "key_",
    "batch": "batch_",
    "chat_binding": "chb_",
    "event": "evt_",
    "file": "file-",
    "schedule": "sched_",
    "webhook_endpoint": "whe_",
}
# What the doors of chats say: nobody else is answered so.
_OF_CHATS: Final = "chat_"
# Null in the usual case.
_ABSENT: Final = frozenset(
    {"after", "error", "paused_at", "replaced_by", "revoked_at", "suspended_at", "redrive_of"}
)
# Of a thing that an answer shows, what can be asked next: the parameter of such paths.
_LINKED: Final = {
    "JobView": "job_id",
    "FileView": "file_id",
    "ScheduleView": "schedule_id",
    "DeliveryDetailView": "delivery_id",
    "WebhookEventView": "event_id",
}


def illustrate(document: Tree) -> None:
    """Add what is missing to every operation of a document whose schemas are complete."""
    # Operations share their answers; each is to get its own words.
    document["paths"] = orjson.loads(orjson.dumps(document["paths"]))
    components: Tree = document["components"]
    examples = _Examples(components["schemas"])
    operations = list(_operations(document))
    for _, operation in operations:
        for parameter in operation.get("parameters", ()):
            if "example" not in parameter and "examples" not in parameter["schema"]:
                parameter["example"] = examples.of(parameter["schema"], parameter["name"])
        examples.show_in(operation.get("requestBody", {}))
        for status, told in operation["responses"].items():
            if MEDIA_TYPE in told.get("content", {}):
                examples.show_problems_in(told, int(status))
            examples.show_in(told)
    components["examples"] = dict(sorted(examples.shown.items()))
    components["links"] = _link(operations)


def _operations(document: Tree) -> Iterator[tuple[str, Tree]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


class _Examples:
    """Makes examples; those of whole schemas and of codes stand once, in the components."""

    def __init__(self, schemas: Tree) -> None:
        self._schemas = schemas
        self.shown: Tree = {}

    def show_in(self, told: Tree) -> None:
        """Show an example of each content that has a schema."""
        for content in told.get("content", {}).values():
            schema = content.get("schema")
            if not schema or content.keys() & {"example", "examples"}:
                continue
            name = schema.get("$ref", "").removeprefix(_REFERENCE)
            if name:
                self.shown.setdefault(name, {"value": self.of(schema, "")})
                content["examples"] = {name: _reference(f"examples/{name}")}
            else:
                content["example"] = self.of(schema, "")

    def show_problems_in(self, told: Tree, status: int) -> None:
        """Tell the codes of this status, and show a problem of each."""
        codes = told.setdefault(CODES, codes_of(status))
        told["description"] += f" Codes: {', '.join(f'`{code}`' for code in codes)}."
        for code in codes:
            self.shown.setdefault(code, {"value": _problem(code)})
        shown = {code: _reference(f"examples/{code}") for code in codes}
        told["content"][MEDIA_TYPE].setdefault("examples", shown)

    def of(self, schema: Tree, name: str, depth: int = 0) -> Any:
        """Return a value that fits ``schema``; ``name`` is that of what it is for."""
        if "$ref" in schema:
            target = schema["$ref"].removeprefix(_REFERENCE)
            if target in HAND_MADE or depth > _DEEPEST:
                return HAND_MADE.get(target)
            return self.of(self._schemas[target], name, depth + 1)
        given = _given(schema)
        if given is not None:
            return given
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                choices = cast("list[Tree]", schema[several])
                if name in _ABSENT and {"type": "null"} in choices:
                    return None
                wanted = [one for one in choices if one.get("type") != "null"]
                return self.of(wanted[0], name, depth + 1)
        return self._plain(schema, name, depth)

    def _plain(self, schema: Tree, name: str, depth: int) -> Any:
        match schema.get("type"):
            case "object":
                named = schema.get("properties", {})
                if not named and schema.get("minProperties"):
                    named = {"order": schema.get("additionalProperties", {"const": "1234"})}
                value = {
                    member: self.of(told, member, depth + 1) for member, told in named.items()
                }
                prefix = _PREFIXES.get(value.get("object", ""))
                if prefix and "id" in value:
                    value["id"] = f"{prefix}{_ID_BODY}"
                if "first_id" in value:
                    value["first_id"] = value["last_id"] = value["data"][0]["id"]
                return value
            case "array":
                items = schema.get("items", {})
                return [self.of(items, name, depth + 1)] if items else []
            case "integer" | "number":
                return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
            case "boolean":
                return True
            case "string":
                return _text(schema, name)
            case _:
                return None


def _given(schema: Tree) -> Any:
    """Return the value that the schema itself names, if any."""
    for name in ("const", "example", "default"):
        if schema.get(name) is not None:
            return schema[name]
    several = schema.get("examples") or schema.get("enum") or [None]
    return several[0]


@cache
def _errors() -> Mapping[str, type[GenqError]]:
    return by_code()


def _problem(code: str) -> Tree:
    if code == PROBLEM["code"]:
        return PROBLEM
    meaning, error = MEANINGS[code], _errors()[code]
    ours = meaning.status >= MEANINGS["internal_error"].status
    detail = meaning.detail or meaning.title.lower()
    return {
        **PROBLEM,
        "type": PROBLEM["type"].partition("#")[0] + f"#{code}",
        "title": meaning.title,
        "status": meaning.status,
        "detail": detail,
        "code": code,
        "category": error.category.value,
        "severity": error.severity.value,
        "retryable": error.retryable,
        "errors": [],
        "error": {
            "message": detail,
            "type": "server_error" if ours else "invalid_request_error",
            "param": None,
            "code": code,
        },
    }


def codes_of(status: int) -> list[str]:
    """Return the codes that a call can be answered with under this status."""
    return [
        code
        for code, meaning in MEANINGS.items()
        if meaning.status == status and code not in JOB_CODES and not code.startswith(_OF_CHATS)
    ]


def _link(operations: list[tuple[str, Tree]]) -> Tree:
    """Lead from each thing that an answer shows to what can be asked of it next."""
    links: Tree = {}
    for _, operation in operations:
        for told in operation["responses"].values():
            schema = told.get("content", {}).get("application/json", {}).get("schema", {})
            name = _LINKED.get(schema.get("$ref", "").removeprefix(_REFERENCE))
            reached = [
                following["operationId"]
                for path, following in operations
                if f"{{{name}}}" in path and path.count("{") == 1
            ]
            for one in reached:
                parameters = {name: "$response.body#/id"}
                links[one] = {"operationId": one, "parameters": parameters}
            if reached:
                told["links"] = {one: _reference(f"links/{one}") for one in reached}
    return links


def _reference(place: str) -> dict[str, str]:
    return {"$ref": f"#/components/{place}"}


def _text(schema: Tree, name: str) -> str:
    pattern: str = schema.get("pattern", "")
    prefix = pattern.removeprefix("^").partition("_")[0]
    if pattern.startswith(f"^{prefix}_"):
        return f"{prefix}_{_ID_BODY}"
    if "format" in schema:
        return _BY_FORMAT.get(schema["format"], "")
    if schema.get("maxLength", len(JOB_ID_SHOWN)) < len(JOB_ID_SHOWN) and name == "after":
        return "81234"
    if name in {"id", "after", "next"} or (name.endswith("_id") and name not in _BY_NAME):
        return JOB_ID_SHOWN
    if name.endswith("_at"):
        return _INSTANT
    return _BY_NAME.get(name, "text"[: schema.get("maxLength")])
