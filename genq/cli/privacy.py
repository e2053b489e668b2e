"""`genq erase`, `export`, `retention`, `hold`: people's data.

With --tenant for who runs genq: ``producer.privacy`` does it. Without, by an API key.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from genq.cli import options
from genq.cli.examples import one_of
from genq.cli.operate import DataDir, own_data_dir
from genq.cli.processes import become
from genq.cli.screen import confirm, is_quiet, print_data, print_json, print_table, tell
from genq.client import Genq
from genq.models import KINDS, LANES
from genq.privacy_models import RetentionRule

EndUser = Annotated[str, typer.Argument(metavar="END_USER", help="As jobs name them.")]
Tenant = Annotated[
    str | None,
    typer.Option("--tenant", metavar="NAME", help="Whose, for who runs genq; else the key's."),
]
OfTenant = Annotated[str, typer.Option("--tenant", metavar="NAME", help="Whose content.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="A new file; else standard output."),
]
Lane = Annotated[str | None, typer.Option("--lane", help="Of this lane alone.")]
Kind = Annotated[str | None, typer.Option("--kind", help="Of this kind alone.")]
PromptHours = Annotated[
    int, typer.Option("--prompt-hours", min=0, help="After a job's end; 0: not at all.")
]
ResultHours = Annotated[int, typer.Option("--result-hours", min=0, help="The same of results.")]
Released = Annotated[bool, typer.Option("--released", help="With released ones.")]
Job = Annotated[str | None, typer.Option("--job", metavar="JOB", help="Of this job, job_….")]
Person = Annotated[
    str | None, typer.Option("--end-user", metavar="END_USER", help="Of this person.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="For the record.")]
Hold = Annotated[str, typer.Argument(metavar="HOLD", help="Its id, hold_….")]


def erase(
    end_user: EndUser,
    tenant: Tenant = None,
    *,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Erase a person: their content opens no more at once, and is deleted soon after.

    Their unfinished jobs are cancelled. What a legal hold keeps stays, and is listed. Exit code
    9: a hold keeps all of it.
    """
    confirm(f"erase everything that is stored of {end_user}?", yes=yes)
    if tenant is not None:
        _become("erase", [end_user], {"tenant": tenant}, as_json=as_json, data_dir=data_dir)
        return
    with Genq(api_key, url) as client:
        asked = client.privacy.erase(end_user)
    if as_json:
        print_json(asked.raw)
        return
    print_data(asked.id)
    for held in asked.holds:
        tell(f"{held} keeps a job of theirs")
    told = "the rest is being deleted, from files of batches too"
    tell(f"no job of {asked.person} opens any more; {told}")


def export(
    end_user: EndUser,
    output: Output = None,
    tenant: Tenant = None,
    *,
    data_dir: DataDir = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Export all that is stored of a person: their jobs, one JSON object a line."""
    if tenant is not None:
        told = {"tenant": tenant, "output": None if output is None else str(output)}
        _become("export", [end_user], told, as_json=False, data_dir=data_dir)
        return
    with Genq(api_key, url) as client:
        jobs = client.privacy.export(end_user)
    lines = [
        json.dumps(dict(job.raw), ensure_ascii=False, separators=(",", ":")) for job in jobs
    ]
    if output is None:
        for line in lines:
            print_data(line)
        return
    # A new file: nothing is written over.
    with output.open("x", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    tell(f"{len(lines)} jobs: {output}")


def list_rules(
    tenant: Tenant = None,
    *,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show for how long content is kept; without a rule it goes with its job."""
    if tenant is not None:
        _become("retention-ls", [], {"tenant": tenant}, as_json=as_json, data_dir=data_dir)
        return
    with Genq(api_key, url) as client:
        found = client.privacy.retention()
    if as_json:
        for rule in found:
            print_json(rule.raw)
        return
    headings = ("LANE", "KIND", "PROMPTS", "RESULTS")
    print_table(headings, [_row(rule) for rule in found])


def set_rule(
    prompt_hours: PromptHours,
    result_hours: ResultHours,
    lane: Lane = None,
    kind: Kind = None,
    tenant: Tenant = None,
    *,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Set for how many hours after a job's end its prompt and result are kept.

    0 keeps nothing beyond the deliveries. It counts for jobs that have ended already, too.
    """
    one_of(lane, LANES, "--lane")
    one_of(kind, KINDS, "--kind")
    if tenant is not None:
        hours = {"prompt-hours": str(prompt_hours), "result-hours": str(result_hours)}
        told = {"tenant": tenant, "lane": lane, "kind": kind, **hours}
        _become("retention-set", [], told, as_json=as_json, data_dir=data_dir)
        return
    with Genq(api_key, url) as client:
        rule = client.privacy.set_retention(
            prompt_hours=prompt_hours, result_hours=result_hours, lane=lane, kind=kind
        )
    if as_json:
        print_json(rule.raw)
        return
    print_data("  ".join(_row(rule)))


def remove_rule(
    lane: Lane = None,
    kind: Kind = None,
    tenant: Tenant = None,
    *,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Take the rule of exactly this lane and kind away."""
    one_of(lane, LANES, "--lane")
    one_of(kind, KINDS, "--kind")
    if tenant is not None:
        told = {"tenant": tenant, "lane": lane, "kind": kind}
        _become("retention-rm", [], told, as_json=as_json, data_dir=data_dir)
        return
    with Genq(api_key, url) as client:
        client.privacy.remove_retention(lane=lane, kind=kind)
    if as_json:
        print_json({"lane": lane, "kind": kind})


def list_holds(
    tenant: Tenant = None,
    released: Released = False,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show legal holds, newest first: what neither retention nor an erasure takes."""
    switches = ["--released"] if released else []
    told = {"tenant": tenant}
    _become("hold-ls", [], told, switches, as_json=as_json, data_dir=data_dir)


def place_hold(
    tenant: OfTenant,
    reason: Reason,
    *,
    end_user: Person = None,
    job: Job = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Keep the content of a person, of a job, or (neither) of a whole tenant."""
    told = {"tenant": tenant, "end-user": end_user, "job": job, "reason": reason}
    _become("hold-place", [], told, as_json=as_json, data_dir=data_dir)


def release_hold(hold: Hold, as_json: options.AsJson = False, data_dir: DataDir = None) -> None:
    """End a hold; what it kept goes as it would have gone without it."""
    _become("hold-release", [hold], {}, as_json=as_json, data_dir=data_dir)


def rotate_data(
    tenant: Tenant = None, as_json: options.AsJson = False, data_dir: DataDir = None
) -> None:
    """Give a tenant, or all of them, a new key for content; older ones go on opening."""
    _become("rotate-data", [], {"tenant": tenant}, as_json=as_json, data_dir=data_dir)


def _become(
    command: str,
    named: list[str],
    flags: dict[str, str | None],
    switches: list[str] | None = None,
    *,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    told = [command, *(switches or [])]
    if as_json:
        told.append("--json")
    if is_quiet():
        told.append("--quiet")
    # In one word each: a value may begin with a dash, and so may a name.
    told += [f"--{flag}={value}" for flag, value in flags.items() if value is not None]
    if data_dir is not None:
        told.append(f"--data-dir={data_dir}")
    elif (running := own_data_dir()) is not None:
        told.append(f"--embedded={running}")
    become("producer.privacy", [*told, "--", *named] if named else told)


def _row(rule: RetentionRule) -> tuple[str, ...]:
    return (
        rule.lane or "any",
        rule.kind or "any",
        f"{rule.prompt_hours} h",
        f"{rule.result_hours} h",
    )
