"""The Grafana dashboard, made from ``dashboard_panels``: pure data, printed as JSON.

``python -P -m infra.telemetry.dashboard > infra/deploy/grafana/genq.json``; tests hold the file
against the table, and every expression against what genq really exposes.
"""

import json
import sys
from collections.abc import Iterator
from string import ascii_uppercase
from typing import Any, Final

from infra.telemetry.dashboard_panels import ROWS, Panel

_COLUMNS: Final = 24
_HEIGHT: Final = 7
_DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    return {
        "title": "genq",
        "uid": "genq",
        "tags": ["genq"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": list(_panels()),
    }


def _variables() -> list[dict[str, Any]]:
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource"}
    return [
        {**source, "query": "prometheus"},
        _labels("lane", "genq_jobs"),
        _labels("server", "genq_provider_request_seconds_count"),
    ]


def _labels(name: str, metric: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "datasource": _DATASOURCE,
        "query": {"query": f"label_values({metric}, {name})", "refId": name},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels() -> Iterator[dict[str, Any]]:
    number, top = 1, 0
    for title, panels in ROWS.items():
        place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": title, "gridPos": place, "panels": []}
        number, top, left = number + 1, top + 1, 0
        for panel in panels:
            if left + panel.width > _COLUMNS:
                left, top = 0, top + _HEIGHT
            place = {"x": left, "y": top, "w": panel.width, "h": _HEIGHT}
            yield _panel(panel, number, place)
            number, left = number + 1, left + panel.width
        top += _HEIGHT


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "gridPos": place,
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": letter,
                "datasource": _DATASOURCE,
                "expr": expression,
                "legendFormat": legend,
            }
            for letter, (expression, legend) in zip(ascii_uppercase, panel.series, strict=False)
        ],
    }


def printed() -> str:
    """Return the dashboard as the text of its file."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(printed())
