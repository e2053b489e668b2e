"""`genq usage` and `genq manifest` against a scripted server."""

import json
from pathlib import Path
from typing import Any

import pytest

from genq.cli.app import run
from tests.fixtures.api_stub import PNG, ApiStub, Home, Says, problem

Capture = pytest.CaptureFixture[str]

COUNTS: dict[str, Any] = {
    "jobs": 2,
    "succeeded": 1,
    "images": 3,
    "megapixels": 1.5,
    "input_tokens": 10,
    "cached_tokens": 0,
    "output_tokens": 20,
    "reasoning_tokens": 0,
    "model_seconds": 1.0,
    "cost": 0.080002,
}
MANIFEST = b'{"schema":"genq.manifest"}'


def report(day: int, after: str | None = None, **more: Any) -> Says:
    row = {"start": f"2026-11-{day:02}T00:00:00Z", "model": "kite-1", "lane": None} | COUNTS
    return Says(
        body={
            "object": "usage",
            "currency": "usd",
            "from": "2026-11-01T00:00:00.000Z",
            "to": "2026-12-01T00:00:00.000Z",
            "data": [row],
            "totals": COUNTS | {"jobs": 4, "cost": 0.160004},
            "next": after,
        }
        | more
    )


def test_usage_is_shown_as_a_table_over_pages(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.script = [report(1, "further"), report(2)]

    code = run(["usage", "--from", "2026-11-01", "--to", "2026-12-01", "--by", "model, lane"])

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert lines[1] == ["2026-11-01", "kite-1", "-", "2", "3", "10", "20", "$0.080002"]
    assert lines[2][0] == "2026-11-02"
    assert lines[3] == ["all", "4", "3", "10", "20", "$0.160004"]
    first, second = (asked.query for asked in api_stub.asked)
    assert first["group_by"] == "model,lane"
    assert (first["from"], first["to"]) == ("2026-11-01", "2026-12-01")
    assert second["after"] == "further"


def test_usage_comes_as_json_lines_as_csv_and_of_all_tenants(
    stub_home: Home, api_stub: ApiStub, capfd: Capture
) -> None:
    api_stub.script = [report(1), Says(body=b"start,cost\r\n", headers={})]

    run(["usage", "--json"])
    told = json.loads(capfd.readouterr().out)
    run(["usage", "--csv", "--all-tenants", "--by", "tenant"])
    table = capfd.readouterr().out

    assert told["cost"] == 0.080002
    assert table.replace("\r", "") == "start,cost\n"
    last = api_stub.asked[-1]
    assert (last.path, last.query["format"]) == ("/v1/admin/usage", "csv")


def test_usage_that_is_none_and_questions_that_are_wrong_are_told(
    stub_home: Home, api_stub: ApiStub, capsys: Capture
) -> None:
    api_stub.script = [report(1, data=[]), problem(400, "invalid_request", "no such group")]

    codes = [
        run(["usage"]),
        run(["usage", "--by", "tag"]),
        run(["usage", "--interval", "week"]),
    ]

    printed = capsys.readouterr()
    assert codes == [0, 2, 2]
    assert printed.out == ""
    assert "nothing was used from 01 Nov 2026" in printed.err
    assert "no such group" in printed.err
    assert "hour, day, month, total" in printed.err


def test_a_manifest_is_printed_or_written_beside_the_pictures(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, tmp_path: Path
) -> None:
    picture = {"index": 0, "url": "u", "content_type": "image/png", "bytes": 70, "sha256": "ab"}
    made = {"status": "succeeded", "output": {"artifacts": [picture]}}
    job = api_stub.add_job(**made)
    api_stub.script = [
        Says(body=MANIFEST),
        Says(body=job),
        Says(body=PNG),
        Says(body=MANIFEST),
        problem(409, "artifact_not_available", "the job has not ended"),
    ]

    codes = [run(["manifest", job["id"]])]
    printed = capsys.readouterr().out
    codes.append(run(["jobs", "get", job["id"], "-o", str(tmp_path / "k.png"), "--manifest"]))
    codes.append(run(["manifest", job["id"]]))

    assert printed == MANIFEST.decode() + "\n"
    assert codes[:2] == [0, 0]
    assert codes[2] != 0
    assert (tmp_path / "k.png").read_bytes() == PNG
    assert (tmp_path / f"{job['id']}.manifest.json").read_bytes() == MANIFEST
    assert "has not ended" in capsys.readouterr().err
