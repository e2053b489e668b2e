"""Endpoints that cannot be: each is refused with the place and the reason."""

from typing import Any, Final

import httpx2

from infra.settings import Settings
from tests.api.served import Served, pointers, run
from tests.api.webhook_endpoints import ENDPOINTS, URL, made, rows

CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
BAD: Final[tuple[tuple[dict[str, Any], str, str], ...]] = (
    ({"url": "ftp://example.com"}, "/url", "https://"),
    ({"url": "//example.com/x"}, "/url", "https://"),
    ({"url": "https://"}, "/url", ""),
    ({"url": "https://u:p@example.com/"}, "/url", "user or password"),
    ({"url": "https://example.com:22/"}, "/url", "port 22"),
    ({"url": "https://127.0.0.1/"}, "/url", "not public"),
    ({"url": "https://①②⑦.⓪.⓪.①/"}, "/url", ""),
    ({"url": "https://2130706433/"}, "/url", "not public"),
    ({"url": "https://[::ffff:169.254.169.254]/"}, "/url", "not public"),
    ({"url": "https://localhost/"}, "/url", "not public"),
    ({"url": "https://metadata.google.internal/"}, "/url", "not public"),
    ({"url": "https://example.com/a b"}, "/url", "spaces or control"),
    ({"url": "https://example.com/\n"}, "/url", "spaces or control"),
    ({"url": f"https://example.com/{'x' * 2048}"}, "/url", "2048"),
    ({"url": "http://example.com/"}, "/url", "GENQ_WEBHOOK_ALLOW_HTTP"),
    ({"name": " "}, "/name", "printable"),
    ({"name": ""}, "/name", ""),
    ({"event_types": []}, "/event_types", "disable"),
    ({"event_types": ["video.completed"]}, "/event_types", "known: job.queued"),
    ({"event_types": ["endpoint.test"]}, "/event_types", "known"),
    ({"event_types": ["*"]}, "/event_types", "job.*"),
    ({"evnt_types": ["job.*"]}, "/evnt_types", "did you mean 'event_types'"),
    ({"genq": {"chanels": ["a"]}}, "/genq/chanels", "did you mean 'channels'"),
    ({"genq": {"channels": ["a b"]}}, "/genq/channels/0", ""),
    ({"genq": {"channels": []}}, "/genq/channels", "null"),
    ({"genq": {"channels": [f"c{n}" for n in range(11)]}}, "/genq/channels", "10"),
    ({"genq": {"filter": {}}}, "/genq/filter", "1"),
    ({"genq": {"filter": {f"k{n}": "v" for n in range(11)}}}, "/genq/filter", "10"),
    ({"genq": {"filter": {"k": 1}}}, "/genq/filter/k", "string"),
    ({"genq": {"payload": "fat"}}, "/genq/payload", "thin"),
    ({"genq": {"signatures": ["v2"]}}, "/genq/signatures/0", "v1a"),
    ({"genq": {"max_in_flight": 65}}, "/genq/max_in_flight", "64"),
    ({"genq": {"max_in_flight": True}}, "/genq/max_in_flight", "integer"),
    ({"genq": {"throttle_rate": 0}}, "/genq/throttle_rate", "0.01"),
    ({"genq": {"timeout_s": 31}}, "/genq/timeout_s", "30"),
    ({"genq": {"retry_schedule": [0]}}, "/genq/retry_schedule/0", "1"),
    ({"genq": {"retry_schedule": [86_400] * 4}}, "/genq/retry_schedule", "76 h"),
    ({"genq": {"headers": {"Host": "x"}}}, "/genq/headers", "Host"),
    ({"genq": {"headers": {"webhook-id": "x"}}}, "/genq/headers", "genq's to set"),
    ({"genq": {"headers": {"X Y": "x"}}}, "/genq/headers", "name"),
    ({"genq": {"headers": {"X-Y": "a\r\nb"}}}, "/genq/headers", "printable ASCII"),
    ({"genq": {"headers": {"X-Y": "1", "x-y": "2"}}}, "/genq/headers", "twice"),
    ({"genq": {"headers": {f"X-{n}": "1" for n in range(21)}}}, "/genq/headers", "20"),
    ({"genq": {"auth": {"kind": "digest"}}}, "/genq/auth/kind", "basic"),
    ({"genq": {"auth": {"kind": "basic", "username": "u"}}}, "/genq/auth", "password"),
    ({"genq": {"auth": {"kind": "none", "token": "t"}}}, "/genq/auth", "no token"),
    (
        {"genq": {"auth": {"kind": "basic", "username": "a:b", "password": "p"}}},
        "/genq/auth",
        "colon",
    ),
    (
        {
            "genq": {
                "auth": {
                    "kind": "oauth2",
                    "token_url": "https://10.0.0.1/",
                    "client_id": "i",
                    "client_secret": "s",
                }
            }
        },
        "/genq/auth/token_url",
        "not public",
    ),
    (
        {"genq": {"auth": {"kind": "mtls", "certificate": CERTIFICATE, "key": "k"}}},
        "/genq/auth/certificate",
        "PEM",
    ),
    (
        {"genq": {"auth": {"kind": "bearer", "token": "t"}, "headers": {"Authorization": "x"}}},
        "/genq/headers",
        "Authorization",
    ),
    ({"genq": {"metadata": {"a": "\u0000"}}}, "/genq/metadata/a", "U+0000"),
)


def test_bad_endpoints_are_refused_with_the_place_and_the_reason(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        good = await made(api)
        for wrong, pointer, hint in BAD:
            for path in (ENDPOINTS, f"{ENDPOINTS}/{good['id']}"):
                body = wrong if path != ENDPOINTS else {"name": "n", "url": URL, **wrong}
                answer: httpx2.Response = await api.http.post(path, json=body)
                assert answer.status_code == 400, (path, wrong, answer.text)
                told = pointers(answer)
                assert pointer in told, (wrong, told)
                assert hint in told[pointer], (wrong, told)
        still = await api.http.get(f"{ENDPOINTS}/{good['id']}")
        assert still.json()["updated_at"] == good["updated_at"]
        assert await rows(api, "SELECT revision FROM webhook_endpoint") == [(1,)]

    run(settings.model_copy(update={"production": True, "outbound_allow": ()}), scenario)
