"""Uploads on Slack, in three steps: an address, the bytes, and that it is complete."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from infra.simulator.chat.slack_errors import fault
from infra.simulator.chat.slack_world import SlackFile, SlackWorld
from infra.simulator.chat.wire import (
    Answer,
    RefusedError,
    Request,
    UnreadableError,
    list_of,
    object_of,
    parts_of,
)

Act = Callable[[Mapping[str, Any]], dict[str, Any]]

_FILES: Final = 10


class SlackFiles:
    """Takes files."""

    def __init__(self, world: SlackWorld) -> None:
        self._world: Final = world

    def methods(self) -> Mapping[str, Act]:
        """Return the methods by name."""
        return {
            "files.getUploadURLExternal": self._announce,
            "files.completeUploadExternal": self._complete,
            "files.delete": self._delete,
        }

    def take(self, request: Request) -> Answer:
        """Take the bytes of an announced file.

        Raises:
            RefusedError: Nobody announced it, or it is another length.
        """
        *_, file_id, secret = request.path.split("/")
        found = self._world.files.get(file_id)
        if request.method != "POST" or found is None or found.secret != secret:
            nothing = Answer(404, b"not found", media_type="text/plain")
            raise RefusedError(nothing, "no such file")
        data = _bytes_of(request)
        if len(data) != found.length or not data:
            why = f"{len(data)} bytes came, {found.length} were announced"
            raise RefusedError(Answer(400, b"bad length", media_type="text/plain"), why)
        found.data = data
        return Answer(200, f"OK - {len(data)}".encode(), media_type="text/plain")

    def _announce(self, told: Mapping[str, Any]) -> dict[str, Any]:
        if not str(told["length"]).isdecimal() or int(told["length"]) < 1:
            raise fault("invalid_arguments", "length is no number of bytes")
        made = SlackFile(
            f"F{self._world.next_number()}",
            told["filename"],
            int(told["length"]),
            secrets.token_urlsafe(18),
            told.get("alt_txt") or "",
        )
        self._world.files[made.id] = made
        url = f"{self._world.url}/slack/upload/{made.id}/{made.secret}"
        return {"upload_url": url, "file_id": made.id}

    def _complete(self, told: Mapping[str, Any]) -> dict[str, Any]:
        listed = list(_listed(told["files"]))
        found = [self._world.files.get(one["id"]) for one in listed]
        files = [one for one in found if one is not None and one.data is not None]
        if len(files) != len(listed) or not 1 <= len(files) <= _FILES:
            raise fault("file_not_found", "it was not announced, or its bytes did not come")
        if told.get("channel_id"):
            raise fault("invalid_arguments", "this bot shows files in blocks: no channel_id")
        for one in files:
            one.complete = True
        return {"files": [{"id": one.id, "title": one.name} for one in files]}

    def _delete(self, told: Mapping[str, Any]) -> dict[str, Any]:
        found = self._world.files.get(told["file"])
        if found is None or not found.complete:
            raise fault("file_not_found")
        found.complete = False
        return {}


def _bytes_of(request: Request) -> bytes:
    """Return the file: the body as it is, or the one part of a multipart body."""
    if request.media_type != "multipart/form-data":
        return request.body
    try:
        parts = parts_of(request)
    except UnreadableError:
        return b""
    return parts[0].data if len(parts) == 1 else b""


def _listed(files: Any) -> Iterator[dict[str, Any]]:
    for value in list_of(files) or []:
        one = object_of(value)
        if one is None or not set(one) <= {"id", "title"} or "id" not in one:
            raise fault("invalid_arguments", "each file has an id, and may have a title")
        yield one
