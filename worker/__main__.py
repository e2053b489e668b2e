"""``python -P -m worker``: one Celery worker with the asyncio pool, until SIGTERM."""

import gc
import sys

if __name__ == "__main__":
    # Nothing of what is imported is garbage: looking for it takes a fifth of the start.
    gc.disable()
    from worker.process import main

    gc.freeze()
    gc.enable()
    sys.exit(main(sys.argv[1:]))
