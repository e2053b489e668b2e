"""``/comfy``: ComfyUI's server, with the simulator's script, gallery and log of calls."""

import asyncio
from typing import Any, Final

import orjson
from aiohttp import web

from infra.simulator.comfy_door import ComfyDoor, comfy_json
from infra.simulator.comfy_files import ComfyFiles, Place
from infra.simulator.comfy_queue import ComfyQueue, queue_shown
from infra.simulator.comfy_sockets import ComfySockets
from infra.simulator.faults import break_off, garble
from infra.simulator.refusal import MARK
from infra.simulator.script import FaultKind
from infra.simulator.serving import Respond, Service, check_key, refusing

_ROOTS: Final = ("/comfy", "/comfy/api")


class ComfyServer:
    """One ComfyUI server.

    Attributes:
        queue: What waits, runs and has ended.
        files: What was sent and made.
        sockets: Who listens.
        old: Whether it is as servers were before 2025-09: they name prompts themselves,
            interrupt whatever runs, and do not say what a preview is of.

    Args:
        service: Its script, calls and gallery are the simulator's own.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self.files = ComfyFiles(service.gallery)
        self.sockets = ComfySockets()
        self.queue = ComfyQueue(service.gallery, self.files, self.sockets, service.calls.clock)
        self.old = False
        self._door = ComfyDoor(service, self.queue, self.files)

    def routes(self) -> list[web.RouteDef]:
        """Return its routes."""
        answers: dict[tuple[str, str], Respond] = {
            ("POST", "/prompt"): self._submit,
            ("GET", "/prompt"): self._remaining,
            ("GET", "/queue"): self._queue,
            ("POST", "/queue"): self._change_queue,
            ("POST", "/interrupt"): self._interrupt,
            ("GET", "/history"): self._history,
            ("GET", "/history/{id}"): self._history,
            ("POST", "/history"): self._change_history,
            ("POST", "/upload/image"): self._upload,
            ("GET", "/view"): self._view,
            ("GET", "/system_stats"): self._stats,
            ("GET", "/ws"): self._listen,
        }
        return [
            web.route(method, f"{root}{path}", refusing(_keyed(answer)))
            for root in _ROOTS
            for (method, path), answer in answers.items()
        ]

    async def restart(self) -> None:
        """Forget what memory knows and hang up, as a process that is started again has."""
        await self.queue.stop()
        self.queue.history.clear()
        await self.sockets.hang_up()

    async def close(self) -> None:
        """Stop."""
        await self.queue.stop()
        await self.sockets.hang_up()
        await self._door.close()

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        # ComfyUI goes on with what its client has left.
        submitting = asyncio.create_task(self._door.submit(request, names=self.old))
        return await asyncio.shield(submitting)

    async def _remaining(self, request: web.Request) -> web.StreamResponse:
        del request
        return comfy_json(self.queue.remaining())

    async def _queue(self, request: web.Request) -> web.StreamResponse:
        del request
        return queue_shown(self.queue)

    async def _change_queue(self, request: web.Request) -> web.StreamResponse:
        asked = orjson.loads(await request.read())
        if asked.get("clear"):
            self.queue.clear()
        for prompt_id in asked.get("delete", ()):
            self.queue.drop(prompt_id)
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked: dict[str, Any] = orjson.loads(body) if body and not self.old else {}
        self.queue.interrupt(asked.get("prompt_id"))
        return web.Response()

    async def _history(self, request: web.Request) -> web.StreamResponse:
        prompt_id = request.match_info.get("id")
        history = self.queue.history
        if prompt_id is None:
            return comfy_json(history)
        found = {prompt_id: history[prompt_id]} if prompt_id in history else {}
        answer = comfy_json(found)
        fault = self._door.faults.get(prompt_id) if found else None
        if fault is not None and fault.kind is FaultKind.MALFORMED:
            return web.Response(
                body=garble(orjson.dumps(found)), content_type="application/json"
            )
        return answer

    async def _change_history(self, request: web.Request) -> web.StreamResponse:
        asked = orjson.loads(await request.read())
        if asked.get("clear"):
            self.queue.history.clear()
        for prompt_id in asked.get("delete", ()):
            self.queue.history.pop(prompt_id, None)
        return web.Response()

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        post = await request.post()
        image = post.get("image")
        if not isinstance(image, web.FileField) or not image.filename:
            return web.Response(status=400)
        folder, subfolder = str(post.get("type", "input")), str(post.get("subfolder", ""))
        if ".." in subfolder or subfolder.startswith("/") or "/" in image.filename:
            return web.Response(status=400)
        self.files.store(Place(folder, subfolder, image.filename), image.file.read())
        return comfy_json({"name": image.filename, "subfolder": subfolder, "type": folder})

    async def _view(self, request: web.Request) -> web.StreamResponse:
        asked = request.query
        name = asked.get("filename", "")
        if not name or name.startswith("/") or ".." in name:
            return web.Response(status=400 if name else 404)
        place = Place(asked.get("type", "output"), asked.get("subfolder", ""), name)
        data = await self.files.read(place)
        if data is None:
            return web.Response(status=404)
        headers = {**MARK, "content-disposition": f'filename="{name}"'}
        if not self._is_cut(place):
            return web.Response(body=data, headers=headers, content_type="image/png")
        response = web.StreamResponse(headers={**headers, "content-type": "image/png"})
        response.content_length = len(data)
        return await break_off(request, response, garble(data))

    def _is_cut(self, place: Place) -> bool:
        """Return whether the prompt that made a file is one whose pictures are cut."""
        cut = [i for i, fault in self._door.faults.items() if fault.kind is FaultKind.CUT]
        made = [self.queue.history[i]["outputs"] for i in cut if i in self.queue.history]
        names = {
            (image["type"], image["subfolder"], image["filename"])
            for outputs in made
            for output in outputs.values()
            for image in output["images"]
        }
        return tuple(place) in names

    async def _stats(self, request: web.Request) -> web.StreamResponse:
        del request
        system: dict[str, Any] = {"os": "simulator", "comfyui_version": "0.3.60", "argv": []}
        return comfy_json({"system": system, "devices": []})

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        status = self.queue.remaining()
        return await self.sockets.serve(request, status, greets=not self.old)


def _keyed(answer: Respond) -> Respond:
    async def keyed(request: web.Request) -> web.StreamResponse:
        check_key(request)
        return await answer(request)

    return keyed
