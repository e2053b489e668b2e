"""/link, /settings, /gallery, /info and /help: what holds here, and how to change it."""

from typing import Final

from infra.postgres.chat_people import unfinished_of
from infra.postgres.engine import transaction
from infra.postgres.remaining import lane_standings
from producer.chat.asked import Asked, ChatMeans, Outcome, tell
from producer.operator.budgets import spending_of
from schemas.budget import MONEY_SCALE, BudgetUnit, Spending
from schemas.chat_inbound import Command
from schemas.chat_view import Button, Notice, Tell, Tone

HELP: Final = (
    "/imagine a red kite --ar 16:9 --n 2: pictures of words\n"
    "/ask why is the sky blue: words of a model\n"
    "/describe with a picture: prompts for one like it\n"
    "/blend with 2 to 5 pictures: one of several\n"
    "/queue: what you have under way, to cancel it · /cancel: the newest one\n"
    "/gallery: all that you made · /info: speeds, limits, what is left\n"
    "/link: link yourself or this place · /settings: what holds here"
)
_GRID: Final = "Under a result: U makes one picture large, V varies it, 🔄 does all again."


async def show_help(_means: ChatMeans, _heard: Command) -> Tell:
    """Tell what there is."""
    return tell("What I can do", f"{HELP}\n{_GRID}")


async def unknown(_means: ChatMeans, heard: Command) -> Tell:
    """Tell what there is instead of a command that there is not."""
    return tell(
        "Unknown command", f"There is no /{heard.name[:32]}. There are:\n{HELP}", Tone.WARNING
    )


async def link(means: ChatMeans, heard: Command) -> Tell:
    """Hand out the page that links the place, for whoever manages it, or the person."""
    whole = bool(heard.place.id) and heard.user.manages
    place = heard.place.id if whole else ""
    url = await means.pages.new_link(means.engine, heard.platform, place, heard.user.id)
    what = "this place, for everybody in it," if whole else "yourself"
    text = (
        f"Open this page within 15 minutes to link {what} to an account; it asks for an API "
        f"key of that account. It works once. Give it to nobody.\n{url}"
    )
    return Tell(Notice("Link", text, buttons=(Button("Open the page", url=url),)))


async def gallery(means: ChatMeans, asked: Asked[Command]) -> Outcome:
    """Hand out the page of all that the person made."""
    url = means.pages.gallery(asked.tenant.id, asked.heard.end_user)
    text = f"All that you made here, newest first. The link works for a day.\n{url}"
    return Tell(Notice("Your gallery", text, buttons=(Button("Open the gallery", url=url),)))


async def info(means: ChatMeans, asked: Asked[Command]) -> Outcome:
    """Tell the speeds, what runs and waits, and what is left."""
    async with transaction(means.engine) as connection:
        counts = await unfinished_of(connection, asked.person)
        standings = await lane_standings(connection, asked.tenant.id)
        budgets = await spending_of(connection, asked.tenant.id, asked.heard.end_user)
    most = asked.rules.max_jobs or means.settings.chat_user_jobs
    lanes = asked.lanes
    lines = [
        f"Speed: {lanes[0]}" if lanes else "No speed is allowed here.",
        f"Your jobs: {counts.running} running, {counts.waiting} waiting, {most} at most",
        *(
            f"{one.lane}: {one.inflight} running, {one.waiting} waiting"
            + (", held back by an operator" if one.lane_paused else "")
            for one in standings
            if one.lane in lanes
        ),
        *(_left(one) for one in budgets if one.known),
    ]
    return tell("Info", "\n".join(lines))


def _left(one: Spending) -> str:
    budget = one.budget
    whose = "yours" if budget.end_user else "everybody's"
    left, amount = (_amount(value, budget.unit) for value in (one.left, budget.amount))
    return f"Left of {whose} per {budget.period}: {left} of {amount}"


def _amount(value: int, unit: BudgetUnit) -> str:
    return f"${value / MONEY_SCALE:.2f}" if unit is BudgetUnit.MONEY else f"{value} {unit}"
