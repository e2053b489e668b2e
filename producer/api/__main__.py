"""``python -P -m producer.api``: one API process, until SIGTERM."""

import gc
import sys

if __name__ == "__main__":
    # Nothing of what is imported is garbage: looking for it takes a fifth of the start.
    gc.disable()
    from producer.api.process import main

    gc.freeze()
    # A request makes hundreds of objects, hardly any of them in a cycle: looking for cycles at
    # every 700 takes a few hundredths of the process's time.
    gc.set_threshold(10_000, 20, 20)
    gc.enable()
    sys.exit(main())
