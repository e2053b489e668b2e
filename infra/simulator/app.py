"""The simulator as an aiohttp application: its routes, and the parts behind them."""

import base64
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from infra.clock import Clock, SystemClock
from infra.simulator.calls import CallLog
from infra.simulator.cog import cog_routes
from infra.simulator.comfy import ComfyServer
from infra.simulator.control import IDENTITY, as_json, control_routes
from infra.simulator.edits import read_edit
from infra.simulator.gallery import Gallery
from infra.simulator.models import MODELS, show_model
from infra.simulator.operations import (
    CHAT,
    COMPLETIONS,
    EDITS,
    EMBEDDINGS,
    IMAGES,
    MODERATIONS,
    SPEECH,
)
from infra.simulator.painting.dice import dice
from infra.simulator.refusal import MARK, RefusalError
from infra.simulator.script import Direction
from infra.simulator.serving import MAX_BODY_BYTES, Service, check_key, refusing

SERVICE: Final = web.AppKey("service", Service)
COMFY: Final = web.AppKey("comfy", ComfyServer)

_CONTENT_TYPES: Final[Mapping[str, str]] = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
}
_ABOUT: Final = f"""{IDENTITY}.

Models: {", ".join(MODELS)}

GET    /v1/models
POST   /v1/images/generations
POST   /v1/images/edits
POST   /v1/chat/completions
POST   /v1/completions
POST   /v1/embeddings
POST   /v1/moderations
POST   /v1/audio/speech
GET    /images/{{token}}
/comfy                   a ComfyUI server, its WebSocket included
PUT    /cog/predictions/{{id}}   Cog's API; its root is /cog
GET    /control          state and counters
PUT    /control          latency and faults
DELETE /control          as after the start
GET    /control/calls    ?since=SEQ&limit=N
GET    /healthz
"""


def create_app(
    *, latency: float = 0.0, clock: Clock | None = None, gallery: Gallery | None = None
) -> web.Application:
    """Return the application; `serve` runs it.

    Args:
        latency: Seconds that a model call takes while no script says otherwise.
        clock: The machine's own if not given.
        gallery: Draws and keeps the pictures; closed with the application.
    """
    pictures = gallery or Gallery()
    calls = CallLog(clock or SystemClock())
    service = Service(Direction(latency, dice("simulator")), calls, pictures)
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app[SERVICE] = service
    comfy = app[COMFY] = ComfyServer(service)
    app.add_routes(
        [
            web.post("/v1/images/generations", service.respond(IMAGES)),
            web.post("/v1/images/edits", service.respond(EDITS, read_edit)),
            web.post("/v1/chat/completions", service.respond(CHAT)),
            web.post("/v1/completions", service.respond(COMPLETIONS)),
            web.post("/v1/embeddings", service.respond(EMBEDDINGS)),
            web.post("/v1/moderations", service.respond(MODERATIONS)),
            web.post("/v1/audio/speech", service.respond(SPEECH)),
            web.get("/v1/models", refusing(_list_models)),
            web.get("/v1/models/{name}", refusing(_show_model)),
            web.get("/images/{token}", refusing(_show_picture)),
            web.get("/healthz", _health),
            web.get("/", _about),
            *control_routes(service),
            *cog_routes(service),
            *comfy.routes(),
            web.route("*", "/{path:.*}", refusing(_nowhere)),
        ]
    )

    async def close(app: web.Application) -> None:
        del app
        pictures.close()

    async def hang_up(app: web.Application) -> None:
        await app[COMFY].close()

    app.on_shutdown.append(hang_up)
    app.on_cleanup.append(close)
    return app


async def _list_models(request: web.Request) -> web.StreamResponse:
    check_key(request)
    return as_json({"object": "list", "data": [show_model(name) for name in MODELS]})


async def _show_model(request: web.Request) -> web.StreamResponse:
    check_key(request)
    return as_json(show_model(request.match_info["name"]))


async def _show_picture(request: web.Request) -> web.StreamResponse:
    gallery = request.app[SERVICE].gallery
    picture = gallery.find(request.match_info["token"])
    if picture is None:
        raise RefusalError(404, "There is no such picture, or no longer.", code="not_found")
    return web.Response(
        body=base64.b64decode(await gallery.base64(picture)),
        headers=MARK,
        content_type=_CONTENT_TYPES[picture.output_format],
    )


async def _health(request: web.Request) -> web.StreamResponse:
    del request
    return as_json({"status": "ok", "simulator": IDENTITY})


async def _about(request: web.Request) -> web.StreamResponse:
    del request
    return web.Response(text=_ABOUT, headers=MARK)


async def _nowhere(request: web.Request) -> web.StreamResponse:
    message = f"Invalid URL ({request.method} {request.path})"
    raise RefusalError(404, message, code="unknown_url")
