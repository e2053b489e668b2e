"""``python -P -m migrations upgrade|current|check``: what ``genq db`` runs."""

import gc
import sys

if __name__ == "__main__":
    # Nothing of what is imported is garbage: looking for it takes a fifth of the start.
    gc.disable()
    from migrations.process import main

    gc.freeze()
    gc.enable()
    sys.exit(main())
