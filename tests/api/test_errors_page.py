"""Where a problem's ``type`` leads: a page that says what each code means and what to do."""

import re
from pathlib import Path

from infra.settings import Settings
from producer.api import errors_page
from producer.api.problems import MEANINGS
from schemas.error_catalog import by_code
from schemas.error_remedies import JOB_CODES, REMEDIES
from tests.api.served import Served, run


def test_every_code_has_a_status_a_cause_and_a_remedy() -> None:
    codes = {
        code for code, error in by_code().items() if not error.__module__.startswith("test")
    }

    assert codes <= MEANINGS.keys()
    assert codes == REMEDIES.keys()
    assert codes >= JOB_CODES
    for entry in errors_page.entries():
        assert entry.cause.endswith("."), entry
        assert entry.remedy.endswith("."), entry


def test_the_committed_page_is_the_one_that_the_code_makes() -> None:
    committed = Path(errors_page.__file__).with_name("ERRORS.md").read_text()

    assert committed == errors_page.markdown(), "make fmt"


def test_a_problem_leads_to_its_place_on_the_page(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        problem = (await api.http.get("/v1/jobs/job_1")).json()
        page = await api.http.get(problem["type"], headers={"Authorization": ""})

        assert problem["type"] == f"{api.url}/errors#not_found"
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.text.count('id="not_found"') == 1
        assert set(re.findall(r'<h2 id="(\w+)"', page.text)) == REMEDIES.keys()

    run(settings, scenario)


def test_the_page_runs_nothing_and_loads_nothing(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        page = await api.http.get("/errors")

        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert not re.search(r"<script|<link|<img|\son\w+=|https?:/", page.text)

    run(settings, scenario)
