"""``python -P -m infra.simulator``: the development model server as a process of its own."""

import gc
import sys

if __name__ == "__main__":
    # Nothing of what is imported is garbage: looking for it takes a fifth of the start.
    gc.disable()
    from infra.simulator.process import main

    gc.freeze()
    gc.enable()
    sys.exit(main())
