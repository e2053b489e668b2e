"""C: Celery as it comes, and a task that does nothing. Run as a program, it publishes."""

import argparse
import sys
from typing import Final

from celery import Celery

from tests.bench.baseline.settings import fact

QUEUE: Final = "celery"

app = Celery("empty", broker=fact("broker"), set_as_current=False)
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False)


@app.task(name="empty")
def empty(number: int) -> None:
    """Do nothing."""
    del number


def main() -> int:
    """Publish as many tasks as the command line says, one by one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", type=int)
    for number in range(parser.parse_args().tasks):
        empty.delay(number)
    return 0


if __name__ == "__main__":
    sys.exit(main())
