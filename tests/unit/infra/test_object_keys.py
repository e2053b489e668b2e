"""Where objects live, and what their endings mean."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from infra.objectstore.keys import (
    EXTENSIONS,
    check_key,
    content_disposition,
    content_type_of,
    extension_of,
    object_key,
)

JOB = UUID("019aa0b1-0000-7000-8000-000000000001")


def test_a_key_names_tenant_hour_job_fence_and_index() -> None:
    key = object_key(
        tenant_id=7,
        created_at=datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
        job_id=JOB,
        fence=3,
        index=0,
        extension="png",
    )

    assert key.startswith("t7/2026/11/20/10/job_")
    assert key.endswith(".3.0.png")
    check_key(key)


def test_the_hour_is_counted_in_utc() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=timezone(timedelta(hours=-5)))

    key = object_key(
        tenant_id=1, created_at=late, job_id=JOB, fence=1, index=2, extension="txt"
    )

    assert key.startswith("t1/2026/11/21/04/")


@pytest.mark.parametrize(("content_type", "extension"), EXTENSIONS.items())
def test_type_and_ending_mean_each_other(content_type: str, extension: str) -> None:
    assert extension_of(content_type) == extension
    assert content_type_of(f"t1/0.{extension}") == content_type


def test_an_unknown_type_is_kept_as_plain_bytes() -> None:
    assert extension_of("image/svg+xml") == "bin"
    assert content_type_of("t1/0.svg") == content_type_of("t1/0") == "application/octet-stream"


@pytest.mark.parametrize(
    ("filename", "content_type", "header"),
    [
        ("a.png", "image/png", 'inline; filename="a.png"'),
        ("a.svg", "image/svg+xml", 'attachment; filename="a.svg"'),
        ("a.html", "text/html", 'attachment; filename="a.html"'),
        ("a.bin", "application/octet-stream", 'attachment; filename="a.bin"'),
        ('"\r\nx', "image/png", "inline; filename=\"___x\"; filename*=UTF-8''%22%0D%0Ax"),
        (
            "füchse.png",
            "image/png",
            "inline; filename=\"f_chse.png\"; filename*=UTF-8''f%C3%BCchse.png",
        ),
        ("", "image/png", 'inline; filename="artifact"'),
    ],
    ids=ascii,
)
def test_a_download_is_named_and_only_harmless_types_open_in_a_browser(
    filename: str, content_type: str, header: str
) -> None:
    assert content_disposition(filename, content_type) == header
