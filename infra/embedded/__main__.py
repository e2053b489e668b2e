"""``python -P -m infra.embedded up|env``: everything on this machine, and how to reach it."""

import gc
import sys

if __name__ == "__main__":
    # Nothing of what is imported is garbage: looking for it takes a fifth of the start.
    gc.disable()
    from infra.embedded.process import main

    gc.freeze()
    gc.enable()
    sys.exit(main())
