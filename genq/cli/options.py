"""The flags that commands share."""

from typing import Annotated

import typer

from genq.cli.flags_help import show_flags

Url = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="The server; else GENQ_URL, else the profile."),
]
ApiKey = Annotated[
    str | None,
    typer.Option("--api-key", metavar="KEY", help="Else GENQ_API_KEY, else the profile."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print data and errors alone, no remarks.")
]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours; as NO_COLOR does.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether you mean it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count them; change nothing.")]
Kind = Annotated[
    str,
    typer.Option(
        "--kind",
        metavar="KIND",
        help="image, chat, embedding, completion, image_edit or speech.",
    ),
]
Model = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="Else the server's default.")
]
Voice = Annotated[
    str | None, typer.Option("--voice", metavar="NAME", help="Of speech; else alloy.")
]
Lane = Annotated[
    str | None, typer.Option("--lane", metavar="LANE", help="turbo, fast, relax or batch.")
]
Images = Annotated[
    int | None,
    typer.Option("-n", "--n", metavar="COUNT", min=1, max=10, help="How many images."),
]
Edited = Annotated[
    list[str] | None,
    typer.Option(
        "--image",
        metavar="FILE",
        help="Edit this picture, or ask about it: a file, an https URL, file-…, or job_…/0. "
        "Repeatable.",
    ),
]
Mask = Annotated[
    str | None,
    typer.Option(
        "--mask", metavar="FILE", help="A PNG file: where it is clear, the picture is edited."
    ),
]
Size = Annotated[
    str | None, typer.Option("--size", metavar="WxH", help="Of an image, such as 1024x768.")
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="NUMBER", min=0, help="The same seed draws the same image."),
]
Priority = Annotated[
    int | None,
    typer.Option("--priority", metavar="0-9", min=0, max=9, help="Within the lane; 0 first."),
]
WebhookUrl = Annotated[
    str | None, typer.Option("--webhook", metavar="URL", help="Tell this URL when it ends.")
]
WebhookEvents = Annotated[
    str | None,
    typer.Option(
        "--webhook-events",
        metavar="A,B",
        help="Tell it these, such as job.started,job.succeeded; else the end.",
    ),
]
Channels = Annotated[
    list[str] | None,
    typer.Option(
        "--channel", metavar="WORD", help="Endpoints choose jobs by it; may be repeated."
    ),
]
Metadata = Annotated[
    list[str] | None,
    typer.Option("--metadata", metavar="KEY=VALUE", help="Your own words; may be repeated."),
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", help="A word to find it by; may be repeated."),
]
EndUser = Annotated[
    str | None, typer.Option("--end-user", metavar="NAME", help="Who of your users asked.")
]
RunAt = Annotated[
    str | None,
    typer.Option(
        "--run-at",
        metavar="WHEN",
        help="Not before then: seconds from now, or such as 2026-12-01T08:00Z.",
    ),
]
StartTimeout = Annotated[
    float | None,
    typer.Option(
        "--start-timeout", metavar="SECONDS", help="It expires if not started by then."
    ),
]
Deadline = Annotated[
    str | None,
    typer.Option(
        "--deadline",
        metavar="WHEN",
        help="It expires if not ended by then: seconds from now, or an instant.",
    ),
]
UniqueKey = Annotated[
    str | None,
    typer.Option(
        "--unique-key", metavar="KEY", help="One unfinished job at a time may have this key."
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the job has ended.")]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", min=0, help="Wait no longer: exit code 124."),
]
Output = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="PATH", help="Save what it made: a file or folder."),
]
Grid = Annotated[
    bool, typer.Option("--grid", help="Save its pictures on one sheet, numbered; waits.")
]
PromptFlags = Annotated[
    bool | None,
    typer.Option(
        "--prompt-flags/--no-prompt-flags",
        help="Whether the prompt may end in flags; else if it seems to.",
    ),
]
FlagsHelp = Annotated[
    bool,
    typer.Option(
        "--flags-help",
        is_eager=True,
        callback=show_flags,
        help="Show the flags that a prompt may end in, and leave.",
    ),
]
Host = Annotated[str, typer.Option("--host", help="The address to listen on.")]
