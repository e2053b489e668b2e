"""The dashboard and the alerts ask for what genq exposes, and Prometheus understands them."""

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from prometheus_client.parser import text_string_to_metric_families

from infra.settings import Settings
from infra.telemetry.dashboard import dashboard, printed
from schemas.errors import ModelRefusedError, ModelUnavailableError
from tests.api.served import serving
from tests.architecture.source import ROOT
from tests.fixtures.deliveries import open_deliveries
from tests.fixtures.harness import Harness
from tests.fixtures.prometheus import lint, scraping
from tests.fixtures.receiver import Answer, Receiver

DEPLOY: Final = ROOT / "infra/deploy"
ALERTS: Final = DEPLOY / "prometheus/alerts.yml"
# Metrics that only another process than the API and a worker counts, or that nothing does yet.
ELSEWHERE: Final = {
    "genai_content_quality_score",
    "genq_admissions",
    "genq_batch_lines_ended",
    "genq_batch_lines_validated",
    "genq_batch_total_seconds",
    "genq_dispatch_tick_seconds",
    "genq_fallbacks",
    "genq_jobs_reaped",
    "genq_jobs_released",
    "genq_provider_circuit_state",
    "genq_spend_dollars",
    "genq_tokens",
}


def expressions() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def metrics_in(expression: str) -> set[str]:
    bare = re.sub(r'"[^"]*"', "", expression)
    return {
        re.sub(r"_(total|bucket|count|sum)$", "", name)
        for name in re.findall(r"\b(?:genq|genai)[_:][a-z0-9_:]+\b", bare)
    }


def work(genq: Harness, settings: Settings) -> None:
    """Leave a trace of everything: jobs that end well, badly and not, and webhooks."""
    receiver = Receiver(Answer(500))
    genq.settings = genq.settings.model_copy(update={"max_attempts": 1})
    genq.provider.failures.extend([ModelRefusedError("no"), ModelUnavailableError("gone")])

    async def deliver() -> None:
        async with receiver, open_deliveries(settings) as deliveries:
            await deliveries.deliver()

    genq.do(receiver.__aenter__())
    url = receiver.url
    genq.do(receiver.__aexit__())
    for _ in range(4):
        genq.submit(webhook={"url": url}, end_user="ada")
    genq.run_until_idle()
    genq.do(deliver())
    genq.submit()


def test_what_is_asked_for_is_exposed_and_the_page_is_clean(
    genq: Harness, settings: Settings, promtool: str
) -> None:
    work(genq, settings)

    async def scrape() -> str:
        async with serving(settings) as api:
            return (await api.http.get("/metrics")).text

    page = genq.do(scrape())
    exposed = {family.name for family in text_string_to_metric_families(page)}
    exposed |= {rule["record"] for rule in rules() if "record" in rule}
    asked = [metrics_in(expression) for expression in expressions()]
    asked += [metrics_in(rule["expr"]) for rule in rules()]

    assert all(asked)
    assert set[str]().union(*asked) - exposed == set()
    assert lint(promtool, page) == ""
    assert "bad_count" in lint(promtool, f"{page}# TYPE bad_count gauge\nbad_count 1\n")


def test_every_expression_and_every_rule_is_evaluated_by_a_real_prometheus(
    genq: Harness, settings: Settings, prometheus: str, tmp_path: Path
) -> None:
    work(genq, settings)

    async def play() -> None:
        async with serving(settings) as api:
            await api.http.get("/metrics")
            target = api.url.removeprefix("http://")
            async with scraping(prometheus, target, ALERTS, tmp_path) as scraper:
                await scraper.until_scraped(3)
                for asked in expressions():
                    expression = asked.replace("$__rate_interval", "30s")
                    expression = re.sub(r"\$(lane|server)\b", ".*", expression)
                    found = await scraper.query_of_a_read(expression)
                    assert found or metrics_in(asked) & ELSEWHERE, expression
                async with asyncio.timeout(20):
                    while {rule["health"] for rule in await scraper.rules()} == {"unknown"}:
                        await scraper.until_scraped(1)
                assert [rule for rule in await scraper.rules() if rule.get("lastError")] == []

    genq.do(play())


def test_the_file_of_the_dashboard_is_the_one_that_is_made() -> None:
    told = "python -P -m infra.telemetry.dashboard > infra/deploy/grafana/genq.json"
    assert (DEPLOY / "grafana/genq.json").read_text() == printed(), told


def test_panels_have_ids_places_and_variables_of_their_own() -> None:
    made = dashboard()
    panels = made["panels"]
    ids = [panel["id"] for panel in panels]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]

    assert len(set(ids)) == len(ids) >= 40
    assert len(set(places)) == len(places)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
    defined = {variable["name"] for variable in made["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)\b", json.dumps(panels)))
    assert used <= defined | {"__rate_interval"}
    assert {"datasource", "lane", "server"} == defined


def test_every_alert_has_its_line_in_the_runbook_and_its_proof() -> None:
    text = (DEPLOY / "prometheus/README.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| \w+ \| (.*) \|$", text, re.MULTILINE))
    told = {r["alert"]: r["annotations"]["runbook"] for r in rules() if "alert" in r}
    proofs = "".join(file.read_text() for file in (DEPLOY / "prometheus").glob("*_test.yml"))

    assert rows == told
    assert [name for name in told if f'alertname="{name}"' not in proofs] == []


def test_each_alert_fires_on_its_fault_and_on_no_other(promtool: str) -> None:
    proofs = sorted((DEPLOY / "prometheus").glob("*_test.yml"))
    done = subprocess.run(
        [promtool, "test", "rules", *proofs], capture_output=True, text=True, check=False
    )

    assert len(proofs) == 2
    assert done.returncode == 0, done.stdout + done.stderr
