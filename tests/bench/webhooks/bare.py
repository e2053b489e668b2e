"""The yardstick, a process: a bare aiohttp loop that posts signed bodies, and nothing else.

It reads one line, ``{"url", "connections", "endpoints", "seconds", "body", "secret"}``, and
answers with what it did.
"""

import asyncio
import itertools
import sys
import time

import aiohttp
import orjson
import uvloop

from schemas.signature import sign
from tests.bench.lines import questions, say


async def post_all(asked: dict[str, str | int | float]) -> bytes:
    """Post for so many seconds; return rate and CPU time as JSON."""
    requests = [_signed(str(asked["body"]), n, str(asked["secret"])) for n in range(64)]
    urls = [f"{asked['url']}/e{n}" for n in range(int(asked["endpoints"]))]
    turns = itertools.count()
    done = 0
    stop = time.monotonic() + float(asked["seconds"])
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:

        async def post() -> None:
            nonlocal done
            while time.monotonic() < stop:
                turn = next(turns)
                body, headers = requests[turn % len(requests)]
                url = urls[turn % len(urls)]
                async with session.post(url, data=body, headers=headers) as answer:
                    await answer.read()
                done += 1

        began, cpu = time.monotonic(), time.process_time()
        await asyncio.gather(*(post() for _ in range(int(asked["connections"]))))
        seconds = time.monotonic() - began
    cpu_ms = 1000 * (time.process_time() - cpu) / max(1, done)
    return orjson.dumps({"rate": done / seconds, "cpu_ms": cpu_ms, "count": done})


def _signed(form: str, number: int, secret: str) -> tuple[bytes, dict[str, str]]:
    body = form.replace("$EVENT", f"{number:036d}").encode()
    now = int(time.time())  # noqa: TID251 - receivers compare the machine's clock
    return body, {
        **sign(secret, message_id=f"evt_{number:026d}", at_seconds=now, body=body),
        "content-type": "application/json",
        "user-agent": "genq/bench",
        "genq-delivery-id": f"{number:036d}",
        "genq-attempt": "1",
        "genq-trigger": "scheduled",
    }


async def main() -> None:
    """Answer every question."""
    async for asked in questions():
        say(await post_all(asked))


if __name__ == "__main__":
    uvloop.run(main())
    sys.exit(0)
