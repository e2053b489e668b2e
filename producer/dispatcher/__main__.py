"""``python -P -m producer.dispatcher``: one dispatcher process, until SIGTERM."""

import gc
import sys

if __name__ == "__main__":
    # Nothing of what is imported is garbage: looking for it takes a fifth of the start.
    gc.disable()
    from producer.dispatcher.process import main

    gc.freeze()
    gc.enable()
    sys.exit(main())
