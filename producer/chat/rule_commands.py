"""/settings: what holds here; whoever manages the place changes what costs nobody anything.

Speeds, models and numbers are the operator's: who pays for them decides on them.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from producer.chat.asked import Asked, ChatMeans, Outcome, tell
from producer.chat.binding_desk import Bound
from schemas.chat import Place
from schemas.chat_binding import MOST_CHANNELS, ChatBinding, ChatRules
from schemas.chat_inbound import Command
from schemas.chat_view import Tell, Tone
from schemas.errors import FieldError, InputError, NotFoundError

Rule = Callable[[ChatRules, Place], ChatRules]

_OPERATORS: Final = "Whoever operates the server changes the rest: genq bot bind."
_HOW: Final = (
    "/settings press owner, /settings press anyone: who may press the buttons under a result\n"
    "/settings channel off, /settings channel on: whether the bot serves this channel"
)


async def rules_of_place(means: ChatMeans, asked: Asked[Command]) -> Outcome:
    """Tell what holds here, or change it."""
    wanted = " ".join(asked.heard.text.lower().split())
    if not wanted:
        return tell("Settings", _shown(means, asked))
    rule = _RULES.get(wanted)
    if rule is None:
        return tell("Invalid parameter", f"There are:\n{_HOW}\n{_OPERATORS}", Tone.WARNING)
    if not asked.heard.user.manages:
        return tell(
            "Not allowed",
            "Only who manages this place changes it, as far as the platform tells who that is. "
            + _OPERATORS,
            Tone.WARNING,
        )
    return await _change(means, asked, rule)


async def _change(means: ChatMeans, asked: Asked[Command], rule: Rule) -> Tell:
    heard = asked.heard

    def change(before: ChatBinding | None) -> ChatRules:
        return rule(before.rules if before is not None else ChatRules(), heard.place)

    try:
        made = await means.desk.revise(Bound(heard.platform, heard.place.id, ""), change)
    except NotFoundError:
        return tell(
            "Not linked",
            "This place has no rules of its own: link it first, /link.",
            Tone.WARNING,
        )
    if made is None:
        return tell(
            "Try again", "Somebody else changed the settings at the same time.", Tone.WARNING
        )
    return tell("Settings", "It is changed, and holds from now on. /settings shows all.")


def _shown(means: ChatMeans, asked: Asked[Command]) -> str:
    rules = asked.rules
    press = rules.press_by or means.settings.chat_press_by
    lines = [
        f"Speeds: {', '.join(asked.lanes) or 'none'}",
        f"Jobs of one person at once: {rules.max_jobs or means.settings.chat_user_jobs}",
        f"Who may press the buttons under a result: {press}",
        f"Channels: {_channels(rules.channels, rules.channels_denied)}",
        *(f"Model of /{command}: {model}" for command, model in sorted(rules.models.items())),
        *([_HOW] if asked.heard.user.manages else []),
        _OPERATORS,
    ]
    return "\n".join(lines)


def _channels(only: Sequence[str] | None, denied: Sequence[str]) -> str:
    if only is not None:
        return f"{len(only)} of them"
    return f"all but {len(denied)}" if denied else "all"


def _press_by_owner(rules: ChatRules, _place: Place) -> ChatRules:
    return rules.model_copy(update={"press_by": "owner"})


def _press_by_anyone(rules: ChatRules, _place: Place) -> ChatRules:
    return rules.model_copy(update={"press_by": "anyone"})


def _serve_not(rules: ChatRules, place: Place) -> ChatRules:
    channel = place.parent or place.channel
    denied = tuple(dict.fromkeys((*rules.channels_denied, channel)))
    if len(denied) > MOST_CHANNELS:
        what = f"the bot is off in {MOST_CHANNELS} channels already; ask the operator for more"
        raise InputError(what, fields=[FieldError("/channel", what)])
    return rules.model_copy(update={"channels_denied": denied})


def _serve(rules: ChatRules, place: Place) -> ChatRules:
    here = {place.channel, place.parent}
    denied = tuple(one for one in rules.channels_denied if one not in here)
    return rules.model_copy(update={"channels_denied": denied})


_RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "press owner": _press_by_owner,
        "press anyone": _press_by_anyone,
        "channel off": _serve_not,
        "channel on": _serve,
    }
)
