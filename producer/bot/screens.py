"""What `genq bot` prints."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from producer.chat.binding_desk import bound_by
from producer.operator.screen import Screen
from schemas.chat_binding import ChatBinding
from schemas.chat_binding_views import binding_view

_DASH: Final = "-"
_HEADINGS: Final = (
    "platform", "place", "user", "tenant", "lanes", "press", "max jobs", "channels", "state",
)  # fmt: skip


def show_bindings(screen: Screen, found: Sequence[ChatBinding], *, more: bool) -> None:
    """Print bindings, one a line."""
    views = [binding_view(one) for one in found]
    if not views and not screen.as_json:
        screen.remark("nothing is bound; next: genq bot bind discord SERVER_ID --tenant NAME")
        return
    screen.show(_HEADINGS, [_row(view) for view in views], views)
    _tell_pauses(screen, views)
    if more:
        screen.remark(f"there are more; next: genq bot bindings --after {views[-1]['id']}")


def show_binding(screen: Screen, binding: ChatBinding) -> None:
    """Print one binding."""
    view = binding_view(binding)
    screen.show(_HEADINGS, [_row(view)], [view])
    for command, model in view["rules"]["models"].items():
        screen.remark(f"/{command}: {model}")


def show_unbound(screen: Screen, binding: ChatBinding) -> None:
    """Print that a binding is gone."""
    named = bound_by(binding).named
    line = f"{named} is not bound to {binding.tenant} any more; what was accepted goes on"
    screen.say(line, binding_view(binding))


def show_bot(screen: Screen, view: Mapping[str, Any]) -> None:
    """Print how a bot stands."""
    screen.show(("bot", "state"), [(view["platform"], view["state"])], [dict(view)])


def warn_of_bot(screen: Screen, view: Mapping[str, Any]) -> None:
    """Say that a bot sends nothing, and what to do."""
    platform = view["platform"]
    if view["state"] == "stopped":
        screen.remark(
            f"the {platform} bot is stopped since {view['stopped_at']}: {view['reason']}; "
            f"give it a good token, then: genq bot resume {platform}"
        )
    elif view["state"] == "paused":
        screen.remark(f"the {platform} bot rests until {view['paused_until']}: {platform} asks")


def _tell_pauses(screen: Screen, views: Sequence[Mapping[str, Any]]) -> None:
    for view in views:
        if view["paused_at"]:
            named = [view["place"] or "", f"--user {view['user']}" if view["user"] else ""]
            words = " ".join(word for word in named if word)
            screen.remark(
                f"paused since {view['paused_at']}: {view['paused_reason']}; next: genq bot "
                f"resume {view['platform']} {words}"
            )


def _row(view: Mapping[str, Any]) -> tuple[str, ...]:
    rules = view["rules"]
    channels = "any" if rules["channels"] is None else ", ".join(rules["channels"]) or "none"
    if rules["channels_denied"]:
        channels += f", not {', '.join(rules['channels_denied'])}"
    return (
        view["platform"],
        view["place"] or "anywhere",
        view["user"] or "all",
        view["tenant"],
        ", ".join(rules["lanes"] or ()) or "any",
        rules["press_by"] or _DASH,
        str(rules["max_jobs"] or _DASH),
        channels,
        "paused" if view["paused_at"] else "on",
    )
