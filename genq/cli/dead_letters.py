"""`genq dead`: look at dead letters, by themselves or by cause, and send them again."""

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

import typer

from genq.cli import dead_letter_flags as flags
from genq.cli import options
from genq.cli.examples import one_of
from genq.cli.screen import print_data, print_json, print_table, tell
from genq.client import Genq
from genq.models import LANES, DeadLetter, DeadLetterGroup, Redrive

_PAGE: Final = 200
_MESSAGE: Final = 60


def list_dead(
    *,
    code: flags.Code = None,
    model: flags.OfModel = None,
    kind: flags.OfKind = None,
    lane: options.Lane = None,
    since: flags.Since = None,
    limit: flags.Limit = 20,
    after: flags.After = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """List jobs that used up their attempts and were not sent again."""
    wanted = flags.filter_of(code, model, kind, lane, since)
    with Genq(api_key, url) as client:
        found = client.dead_letters.list(**wanted, after=after, page_size=min(limit + 1, _PAGE))
        # One more than asked for tells whether there are more.
        letters = list(islice(found, limit + 1))
    shown = letters[:limit]
    if as_json:
        for letter in shown:
            print_json(letter.raw)
        return
    if not shown:
        tell("no dead letters" if not wanted else "no such dead letters")
        return
    headings = ("id", "died", "code", "model", "kind", "lane", "attempts")
    print_table(headings, [_row(letter) for letter in shown])
    if len(letters) > limit:
        tell(f"more: genq dead ls --after {shown[-1].id}")
    tell("next: genq dead groups, genq dead show ID, genq dead redrive ID")


def groups(
    *,
    code: flags.Code = None,
    model: flags.OfModel = None,
    kind: flags.OfKind = None,
    lane: options.Lane = None,
    since: flags.Since = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show dead letters by cause: error, model and kind."""
    with Genq(api_key, url) as client:
        found = client.dead_letters.groups(**flags.filter_of(code, model, kind, lane, since))
    if as_json:
        for group in found:
            print_json(group.raw)
        return
    if not found:
        tell("no dead letters")
        return
    headings = ("count", "code", "model", "kind", "first", "last", "newest", "message")
    print_table(headings, [_group_row(group) for group in found])
    first = found[0]
    tell(f"next: genq dead redrive --code {first.code} --model {first.model} --dry-run")


def show(
    job_id: flags.JobId,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show one dead letter: what was asked for, and how each attempt ended."""
    with Genq(api_key, url) as client:
        letter = client.dead_letters.get(job_id)
    if as_json:
        print_json(letter.raw)
        return
    lines = {
        "id": letter.id,
        "kind": f"{letter.kind} by {letter.model}",
        "lane": f"{letter.lane}, priority {letter.priority}",
        "created": letter.created_at.isoformat(),
        "died": letter.died_at.isoformat(),
        "error": f"{letter.error.code}: {letter.error.message}" if letter.error else "",
        "metadata": ", ".join(f"{name}={value}" for name, value in letter.metadata.items()),
        "end user": letter.end_user or "",
        "webhook": str(letter.webhook.get("url", "")) if letter.webhook else "",
        "again of": letter.redrive_of or "",
        "again as": letter.redriven_by or "",
        "input": json.dumps(letter.input, ensure_ascii=False),
    }
    for name, value in lines.items():
        if value:
            print_data(f"{name:<9} {value}")
    for death in letter.history:
        why = f"  {death.error.code}: {death.error.message}" if death.error else ""
        ended = death.ended_at.strftime("%d %b %H:%M:%SZ")
        print_data(f"attempt   {death.number}  {ended}  {death.outcome}{why}")


def redrive(
    job_ids: flags.JobIds = None,
    *,
    everything: flags.Everything = False,
    code: flags.Code = None,
    model: flags.OfModel = None,
    kind: flags.OfKind = None,
    lane: options.Lane = None,
    since: flags.Since = None,
    new_input: flags.NewInput = None,
    new_model: flags.NewModel = None,
    new_lane: flags.NewLane = None,
    new_priority: flags.NewPriority = None,
    new_webhook: flags.NewWebhook = None,
    dry_run: flags.DryRun = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Send dead jobs again, as new jobs: by id, by cause, or --all.

    Each dead job is sent again once, however often this is run.
    """
    wanted = flags.filter_of(code, model, kind, lane, since)
    _require_choice(job_ids or [], wanted, everything=everything)
    one_of(new_lane, LANES, "--to-lane")
    edits = flags.edits_of(new_input, new_model, new_lane, new_priority, new_webhook)
    told = _Sent(as_json=as_json, dry_run=dry_run)
    with Genq(api_key, url) as client:
        for job_id in job_ids or []:
            told.add(client.dead_letters.redrive(job_id, edits=edits, dry_run=dry_run))
        before: str | None = None
        while not job_ids:
            done = client.dead_letters.redrive(
                filter=wanted, edits=edits, dry_run=dry_run, submitted_before=before
            )
            told.add(done)
            before = done.submitted_before
            if dry_run or not done.has_more:
                break
    told.close()


class _Sent:
    """Tells what a redrive did, in one or several calls."""

    def __init__(self, *, as_json: bool, dry_run: bool) -> None:
        self._as_json = as_json
        self._dry_run = dry_run
        self._counts = {"sent": 0, "already": 0, "would": 0}

    def add(self, done: Redrive) -> None:
        """Print what one call did."""
        self._counts["sent"] += done.redriven
        self._counts["already"] += done.already
        self._counts["would"] += done.matching if self._dry_run else 0
        if self._as_json:
            print_json(done.raw)
            return
        for dead, job in done.jobs:
            print_data(f"{dead} -> {job}" if job else dead)

    def close(self) -> None:
        """Print the sum."""
        if self._dry_run:
            tell(f"{self._counts['would']} would be sent again; nothing was")
            return
        already = self._counts["already"]
        before = f"; {already} had been sent before" if already else ""
        tell(f"{self._counts['sent']} sent again{before}")


def _require_choice(
    job_ids: Sequence[str], wanted: Mapping[str, Any], *, everything: bool
) -> None:
    ways = (bool(job_ids), bool(wanted), everything)
    if sum(ways) != 1:
        raise typer.BadParameter(
            "name jobs, or choose by --code, --model, --kind, --lane, --since, or say --all.",
            param_hint="ID",
        )


def _row(letter: DeadLetter) -> tuple[str, ...]:
    return (
        letter.id,
        letter.died_at.strftime("%d %b %H:%M:%SZ"),
        letter.error.code if letter.error else "",
        letter.model,
        letter.kind,
        letter.lane,
        str(letter.attempts),
    )


def _group_row(group: DeadLetterGroup) -> tuple[str, ...]:
    message = group.message.replace("\n", " ")
    return (
        str(group.count),
        group.code,
        group.model,
        group.kind,
        group.first_at.strftime("%d %b %H:%M:%SZ"),
        group.last_at.strftime("%d %b %H:%M:%SZ"),
        group.sample[0] if group.sample else "",
        message if len(message) <= _MESSAGE else message[: _MESSAGE - 1] + "…",
    )
