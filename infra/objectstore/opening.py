"""Which store the settings mean."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from infra.objectstore.directory import DirectoryStore
from infra.objectstore.keys import check_key
from infra.objectstore.store import ObjectStore
from infra.settings import Settings
from schemas.errors import ObjectStoreError, SettingsError


def open_store(settings: Settings) -> ObjectStore:
    """Return the store of ``GENQ_OBJECT_STORE``; one per process, closed by who opened it.

    Nothing is asked of S3 yet: a store that is down at start is an error of the first job,
    not of the process.

    Raises:
        SettingsError: The setting names no folder or bucket, or the folder cannot be made.
    """
    place = urlsplit(settings.object_store)
    path = unquote(place.path)
    if path.strip("/") == place.netloc == "":
        raise SettingsError(
            f"GENQ_OBJECT_STORE={settings.object_store} names no place; give a folder, as in "
            "file:///var/lib/genq, or a bucket, as in s3://bucket/prefix"
        )
    try:
        if place.scheme == "file":
            return DirectoryStore(Path(path))
        prefix = path.strip("/")
        if prefix:
            check_key(prefix)
    except ObjectStoreError as error:
        raise SettingsError(f"GENQ_OBJECT_STORE={settings.object_store}: {error}") from error
    # boto3 costs a third of a second and 20 MB, which a local folder does not need.
    from infra.objectstore.s3 import S3Store  # noqa: PLC0415 - see above

    return S3Store(settings, bucket=place.netloc, prefix=prefix)
