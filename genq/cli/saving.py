"""Where a job's outputs go on disk."""

import json
import os
from pathlib import Path
from typing import Final

from genq.client import Genq
from genq.files import write_whole
from genq.models import Artifact, Job, Output

_FORMATS: Final = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
_SPOKEN: Final = {f".{name}": name for name in ("mp3", "opus", "aac", "flac", "wav", "pcm")}
_EXTENSIONS: Final = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "audio/mpeg": ".mp3",
    "audio/opus": ".opus",
    "audio/aac": ".aac",
    "audio/flac": ".flac",
    "audio/wav": ".wav",
    "audio/pcm": ".pcm",
}


def save_outputs(client: Genq, job: Job, output: str | None) -> list[Path]:
    """Write the outputs of a job that succeeded and return their paths.

    Args:
        client: Where the bytes come from.
        job: What succeeded.
        output: A file, a folder, or the pattern of several files; see ``paths_of``.

    Raises:
        OSError: A place cannot be written.
        JobFailedError: The job has no result.
    """
    made = job.require_success()
    if not made.artifacts:
        return [_save_text(job, made, output)] if output else []
    paths = paths_of(job.id, made.artifacts, output)
    for artifact, path in zip(made.artifacts, paths, strict=True):
        client.jobs.download(job.id, artifact.index, path)
    return paths


def spoken_format(output: str | None) -> str | None:
    """Return the format that a file's ending asks of speech; ``None``: the usual one."""
    return _SPOKEN.get(Path(output or "").suffix.lower())


def save_grid(client: Genq, job: Job, output: str | None) -> list[Path]:
    """Write the outputs of a job that succeeded on one sheet, numbered; return its path.

    Args:
        client: Where the bytes come from.
        job: What succeeded.
        output: A file, whose ending says of which format, or a folder.

    Raises:
        OSError: The place cannot be written.
        JobFailedError: The job has no result.
        NotFoundError: It has fewer than two pictures.
    """
    job.require_success()
    path = Path(output or ".")
    if not output or _is_folder(output):
        path /= f"{job.id}-grid.png"
    chosen = _FORMATS.get(path.suffix.lower(), "png")
    return [write_whole(path, client.jobs.grid(job.id, labels=True, format=chosen))]


def paths_of(job_id: str, artifacts: tuple[Artifact, ...], output: str | None) -> list[Path]:
    """Return one path for each artifact.

    ``kite.png`` is that file for one image, ``kite-0.png``, ``kite-1.png`` … for several; an
    existing folder, a final slash, or (for several) a name without a suffix is a folder;
    without ``output`` the job's id names the files in the current folder.
    """
    several = len(artifacts) > 1
    target = Path(output or ".")
    if not output or _is_folder(output) or (several and not target.suffix):
        return [target / _name(job_id, one, several=several) for one in artifacts]
    if not several:
        return [target]
    return [target.with_name(f"{target.stem}-{one.index}{target.suffix}") for one in artifacts]


def _name(job_id: str, artifact: Artifact, *, several: bool) -> str:
    extension = _EXTENSIONS.get(artifact.content_type.partition(";")[0].strip(), ".bin")
    return f"{job_id}-{artifact.index}{extension}" if several else f"{job_id}{extension}"


def _is_folder(output: str) -> bool:
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def _save_text(job: Job, made: Output, output: str) -> Path:
    suffix = ".json" if made.embeddings else ".txt"
    path = Path(output) / f"{job.id}{suffix}" if _is_folder(output) else Path(output)
    if made.embeddings:
        return write_whole(path, f"{json.dumps(made.vectors)}\n".encode())
    text = "\n".join(made.texts or (made.text or "",))
    return write_whole(path, f"{text}\n".encode())
