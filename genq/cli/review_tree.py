"""`genq review`, `genq appeal` and `genq report`, as the tree shows them."""

import typer

from genq.cli import objections, review
from genq.cli.groups import add, group


def add_reviews(app: typer.Typer) -> None:
    """Add the commands."""
    reviews = _reviews()
    app.add_typer(reviews, name="review")
    app.add_typer(reviews, name="reviews", hidden=True)
    add(
        app,
        "appeal",
        objections.appeal,
        'genq appeal job_01kb… --text "it is a toy"',
        "genq appeal job_01kb…",
    )
    add(
        app,
        "report",
        objections.report,
        'genq report job_01kb… --category privacy --note "that is me"',
    )


def _reviews() -> typer.Typer:
    reviews = group(
        "Decide about what waits for a person.",
        "genq review next",
        "genq review ls --category violence",
        order=("next", "ls", "show", "approve", "reject", "escalate", "stats"),
    )
    add(reviews, "next", review.next_review, "genq review next", "genq review next --json")
    add(
        reviews,
        "ls",
        review.list_reviews,
        "genq review ls",
        "genq review ls --origin appeal --json",
        also=("list",),
    )
    add(
        reviews,
        "show",
        review.show,
        "genq review show rev_01kb…",
        "genq review show rev_01kb… --pictures ./seen",
        also=("get",),
    )
    add(
        reviews,
        "approve",
        review.approve,
        "genq review approve rev_01kb… --reason false_positive",
    )
    add(
        reviews,
        "reject",
        review.reject,
        'genq review reject rev_01kb… --reason illegal --note "a real address"',
    )
    add(reviews, "escalate", review.escalate, "genq review escalate rev_01kb… --reason legal")
    add(reviews, "stats", review.stats, "genq review stats", "genq review stats --json")
    return reviews
