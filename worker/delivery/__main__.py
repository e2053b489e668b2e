"""``python -P -m worker.delivery``: one delivery process, until SIGTERM."""

import gc
import sys

if __name__ == "__main__":
    # Nothing of what is imported is garbage: looking for it takes a fifth of the start.
    gc.disable()
    from worker.delivery.process import main

    gc.freeze()
    gc.enable()
    sys.exit(main())
