"""The link to the next page asks what the page was asked."""

from infra.settings import Settings
from tests.api.delivery_history import History
from tests.api.served import Served, run


def test_a_filter_that_is_given_twice_is_in_the_link_twice(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        await history.endpoint()
        await history.publish(3)
        two = "status=pending&status=delivered"
        first = await api.http.get(f"/v1/webhook_deliveries?{two}&limit=1")
        link = first.headers["link"].partition(">")[0].removeprefix("<")
        assert f"?{two}&limit=1&after=whd_" in link
        second = await api.http.get(link)
        assert second.json()["data"][0]["id"] != first.json()["data"][0]["id"]
        assert second.headers["link"].count("after=") == 1

    run(settings, scenario)
