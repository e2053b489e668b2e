"""Errors in OpenAI's shape: one JSON object named ``error``, as every SDK reads it."""

from collections.abc import Mapping
from typing import Final

import orjson
from aiohttp import web
from pydantic import ValidationError

# Every answer says what gave it.
MARK: Final[Mapping[str, str]] = {"x-genq-simulator": "1"}


class RefusalError(Exception):
    """An answer other than 200.

    Attributes:
        status: HTTP status.
        message: What is wrong and what to do.
        kind: OpenAI's ``type``.
        code: OpenAI's ``code``, if there is one.
        param: The parameter at fault, if there is one.
        headers: Further headers, such as ``retry-after``.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.headers = dict(headers or {})

    def response(self) -> web.Response:
        """Return the answer."""
        error = {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }
        return web.Response(
            body=orjson.dumps({"error": error}),
            status=self.status,
            headers={**MARK, **self.headers},
            content_type="application/json",
        )


def bad_value(param: str, message: str, code: str = "invalid_value") -> RefusalError:
    """Return the 400 for one parameter."""
    return RefusalError(400, message, code=code, param=param)


def unreadable(fault: ValidationError) -> RefusalError:
    """Return the 400 for a body that is not JSON or not of the expected shape."""
    first = fault.errors(include_input=False, include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return RefusalError(400, "We could not parse the JSON body of your request.")
    param = ".".join(str(part) for part in first["loc"])
    if not param:
        return RefusalError(400, "The body of the request must be a JSON object.")
    if first["type"] == "missing":
        message, code = f"Missing required parameter: '{param}'.", "missing_required_parameter"
        return bad_value(param, message, code)
    code = "invalid_type" if first["type"].endswith("_type") else "invalid_value"
    return bad_value(param, f"Invalid value for '{param}': {first['msg']}.", code)
