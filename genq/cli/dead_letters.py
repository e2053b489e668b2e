"""`genq dead`: look at dead letters, by themselves or by cause, and send them again."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

import typer

from genq.cli import dead_letter_flags as flags
from genq.cli import options
from genq.cli.examples import one_of
from genq.cli.ids import require_ids
from genq.cli.screen import confirm, count_of, print_data, print_json, print_table, tell
from genq.cli.tally import Tally
from genq.client import Genq
from genq.models import LANES, DeadLetter, DeadLetterGroup, Redrive

_PAGE: Final = 200
_MESSAGE: Final = 76


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
    spare = ("attempts", "kind", "lane", "model", "died", "code")
    print_table(headings, [_row(letter) for letter in shown], spare)
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
    for group in found:
        _show_group(group)
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
    require_ids([job_id], "job")
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
    yes: options.Yes = False,
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
    chosen = _once(job_ids or ())
    missed = Tally()
    with Genq(api_key, url) as client:

        def send_one(job_id: str) -> None:
            told.add(client.dead_letters.redrive(job_id, edits=edits, dry_run=dry_run))

        try:
            for job_id in chosen:
                missed.attempt(partial(send_one, job_id), alone=len(chosen) == 1)
            if not chosen:
                _ask(client, wanted, yes=yes or dry_run)
                _send_all(client, told, wanted, edits, dry_run=dry_run)
        finally:
            told.close(str(missed))
    if missed.code:
        raise typer.Exit(missed.code)


def _once(job_ids: Sequence[str]) -> list[str]:
    require_ids(job_ids, "job")
    # Twice the same id is once.
    return list(dict.fromkeys(job_ids))


def _ask(client: Genq, wanted: Mapping[str, Any], *, yes: bool) -> None:
    if yes:
        return
    found = client.dead_letters.redrive(filter=wanted, edits={}, dry_run=True)
    more = " or more" if found.has_more else ""
    asked = f"Send {count_of(found.matching, 'dead job')}{more} again, as new jobs?"
    confirm(asked, yes=not found.matching)


def _send_all(
    client: Genq,
    told: "_Sent",
    wanted: Mapping[str, Any],
    edits: Mapping[str, object],
    *,
    dry_run: bool,
) -> None:
    before: str | None = None
    while True:
        done = client.dead_letters.redrive(
            filter=wanted, edits=edits, dry_run=dry_run, submitted_before=before
        )
        told.add(done)
        before = done.submitted_before
        if dry_run or not done.has_more:
            return


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

    def close(self, missed: str) -> None:
        """Print the sum, if there is one, and what was ``missed``."""
        more = f", {missed}" if missed else ""
        if self._dry_run:
            would = count_of(self._counts["would"], "job")
            tell(f"dry run: {would} would be sent again; nothing was sent{more}")
            return
        already = self._counts["already"]
        before = f"; {count_of(already, 'job')} had been sent again before" if already else ""
        sent = count_of(self._counts["sent"], "job")
        tell(f"{sent} sent again{before}{more}")


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


def _show_group(group: DeadLetterGroup) -> None:
    print_data(f"{group.count}  {group.code}  {group.model}  {group.kind}")
    message = " ".join(group.message.split())
    if message:
        print_data(
            f"   {message if len(message) <= _MESSAGE else message[: _MESSAGE - 1] + '…'}"
        )
    first, last = (
        moment.strftime("%d %b %H:%M:%SZ") for moment in (group.first_at, group.last_at)
    )
    print_data(f"   first {first}, last {last}")
    if group.sample:
        print_data(f"   newest {group.sample[0]}")
