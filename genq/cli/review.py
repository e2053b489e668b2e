"""`genq review`: what people decide, one item after the other."""

import sys
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer

from genq.cli import options
from genq.cli.ids import require_ids
from genq.cli.review_lines import HEADINGS, SPARE, lines_of, row_of
from genq.cli.screen import complain, count_of, print_data, print_json, print_table, tell
from genq.client import Genq
from genq.errors import ConflictError, PermissionDeniedError
from genq.files import write_whole
from genq.review_models import Review

# The first of each is what a bare decision means; the server knows the words.
REASONS: Final = {
    "approve": ("harmless", "false_positive", "context", "other"),
    "reject": (
        "violates_policy",
        "illegal",
        "harms_a_person",
        "personal_data",
        "evasion",
        "other",
    ),
    "escalate": ("unsure", "legal", "other"),
}
_KEYS: Final = {"a": "approve", "r": "reject", "e": "escalate"}
_ASKED: Final = "[A]pprove  [R]eject  [E]scalate  [S]kip  [Q]uit"

ReviewId = Annotated[str, typer.Argument(metavar="ID", help="rev_…")]
State = Annotated[
    str,
    typer.Option("--state", metavar="STATE", help="open, decided, timed_out, withdrawn, all."),
]
Category = Annotated[
    str | None, typer.Option("--category", metavar="NAME", help="Such as violence.")
]
Origin = Annotated[
    str | None, typer.Option("--origin", metavar="WORD", help="hold, sample, report, appeal.")
]
Tenant = Annotated[
    str | None, typer.Option("--tenant", metavar="NAME", help="For operators: only theirs.")
]
Rows = Annotated[int, typer.Option("--limit", metavar="ROWS", min=1, max=1000)]
Reason = Annotated[str | None, typer.Option("--reason", metavar="CODE", help="Why.")]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="For reviewers.")]
Folder = Annotated[
    Path | None, typer.Option("--pictures", metavar="FOLDER", help="Save the pictures here.")
]


def list_reviews(
    *,
    state: State = "open",
    category: Category = None,
    origin: Origin = None,
    tenant: Tenant = None,
    limit: Rows = 20,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """List what people decide, newest first."""
    with Genq(api_key, url) as client:
        found = client.reviews.list(
            state=None if state == "all" else state,
            category=category,
            origin=origin,
            tenant=tenant,
            limit=min(limit, 200),
        )
        shown = list(islice(found, limit))
    if as_json:
        for review in shown:
            print_json(review.raw)
        return
    if not shown:
        tell("nothing to decide" if state == "open" else "no such items")
        return
    print_table(HEADINGS, [row_of(review) for review in shown], SPARE)
    tell("next: genq review next")


def show(
    review_id: ReviewId,
    *,
    pictures: Folder = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show one item; that you looked is in the audit log."""
    require_ids([review_id], "rev")
    with Genq(api_key, url) as client:
        review = client.reviews.get(review_id)
        _show(review, as_json=as_json)
        if pictures is not None:
            _save(client, review, pictures)


def next_review(
    *,
    category: Category = None,
    origin: Origin = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Claim the most urgent item for ten minutes and show it; a terminal asks what to do.

    Skipped items are let go. Elsewhere: genq review approve ID, reject ID, escalate ID.
    """
    asks = sys.stdin.isatty() and sys.stderr.isatty() and not as_json
    skipped: set[str] = set()
    with Genq(api_key, url) as client:
        while True:
            review = _claim(client, category, origin, skipped)
            if review is None:
                tell("nothing to decide" if not skipped else "nothing else to decide")
                return
            _show(review, as_json=as_json)
            if not asks:
                return
            if not _ask(client, review, skipped):
                return


def approve(
    review_id: ReviewId,
    *,
    reason: Reason = None,
    note: Note = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Let it pass: a held job goes on, an appeal is overturned."""
    _decide(review_id, "approve", reason, note, as_json=as_json, client=Genq(api_key, url))


def reject(
    review_id: ReviewId,
    *,
    reason: Reason = None,
    note: Note = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Stop it: a held job is blocked, an appeal is upheld."""
    _decide(review_id, "reject", reason, note, as_json=as_json, client=Genq(api_key, url))


def escalate(
    review_id: ReviewId,
    *,
    reason: Reason = None,
    note: Note = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Hand it on to somebody whose key has the scope review:lead."""
    _decide(review_id, "escalate", reason, note, as_json=as_json, client=Genq(api_key, url))


def stats(
    *,
    tenant: Tenant = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Count what waits, and what was decided in the last thirty days."""
    with Genq(api_key, url) as client:
        found = client.reviews.stats(tenant=tenant)
    if as_json:
        print_json(found.raw)
        return
    if not found.open:
        print_data("nothing waits")
    for one in found.open:
        hours = one.oldest_seconds / 3600
        late = f", {one.overdue} late" if one.overdue else ""
        print_data(f"{one.origin:<8} {one.open} open{late}, the oldest for {hours:.1f} h")
    for decision, reason, count in found.decisions:
        print_data(f"{decision:<8} {count} for {reason}")


def _decide(
    review_id: str,
    decision: str,
    reason: str | None,
    note: str | None,
    *,
    as_json: bool,
    client: Genq,
) -> None:
    require_ids([review_id], "rev")
    why = reason or REASONS[decision][0]
    if why not in REASONS[decision]:
        known = ", ".join(REASONS[decision])
        raise typer.BadParameter(f"{why!r} is no reason to {decision}: {known}")
    with client:
        client.reviews.claim(review_id)
        review = client.reviews.decide(review_id, decision, reason=why, note=note)
    if as_json:
        print_json(review.raw)
    else:
        print_data(_outcome(review))


def _outcome(review: Review) -> str:
    if review.state != "open":
        return f"{review.id}: {review.outcome}"
    if review.escalated:
        return f"{review.id}: handed on to a lead"
    return f"{review.id}: noted; another person has to agree"


def _claim(
    client: Genq, category: str | None, origin: str | None, skipped: set[str]
) -> Review | None:
    if not skipped:
        return client.reviews.claim_next(category=category, origin=origin)
    try:
        waiting = client.reviews.list(state="open", category=category, origin=origin)
        for one in waiting:
            if one.id in skipped or one.claimed_by:
                continue
            try:
                return client.reviews.claim(one.id)
            except ConflictError:
                continue
    except PermissionDeniedError:
        complain("to skip over items the key needs the scope safety:read as well")
    return None


def _ask(client: Genq, review: Review, skipped: set[str]) -> bool:
    """Ask what to do with an item, and do it; return whether to go on."""
    while True:
        key = typer.prompt(_ASKED, default="s", show_default=False, err=True).strip().lower()
        if key[:1] in {"s", "q"}:
            client.reviews.release(review.id)
            skipped.add(review.id)
            return key[:1] == "s"
        decision = _KEYS.get(key[:1])
        if decision is None:
            continue
        reason = _reason(decision)
        note = typer.prompt("note", default="", show_default=False, err=True).strip()
        try:
            done = client.reviews.decide(review.id, decision, reason=reason, note=note or None)
        except ConflictError as error:
            complain(f"genq: {error}")
            return True
        tell(_outcome(done))
        return True


def _reason(decision: str) -> str:
    known = REASONS[decision]
    told = "  ".join(f"{n} {reason}" for n, reason in enumerate(known, 1))
    while True:
        given = typer.prompt(told, default="1", show_default=False, err=True).strip()
        if given in known:
            return given
        if given.isdecimal() and 1 <= int(given) <= len(known):
            return known[int(given) - 1]


def _show(review: Review, *, as_json: bool) -> None:
    if as_json:
        print_json(review.raw)
        return
    for line in lines_of(review):
        print_data(line)


def _save(client: Genq, review: Review, folder: Path) -> None:
    if review.content is None:
        complain("the key needs the scope review to see pictures")
        raise typer.Exit(1)
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(0 if review.content.hidden else review.content.pictures):
        # What it is, its bytes say; viewers do not go by names.
        place = folder / f"{review.id}-{index}"
        write_whole(place, client.reviews.picture(review.id, index), mode=0o600)
        print_data(str(place))
    tell(f"saved {count_of(review.content.pictures, 'picture')}; delete them when you are done")
