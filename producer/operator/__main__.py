"""``python -P -m producer.operator COMMAND``: what operators run; ``genq`` starts it.

They act on the whole installation. Exit codes: 0 done, 1 no healthy worker here, 2 usage, 3 no
such lane, model or tenant, 5 server unreachable, 8 settings, 124 not drained in time, 130
interrupted.
"""

import gc
import sys

if __name__ == "__main__":
    # Nothing of what is imported is garbage: looking for it takes a fifth of the start.
    gc.disable()
    try:
        # What it imports takes a moment in which somebody may change their mind.
        from producer.operator.command import main

        gc.freeze()
        gc.enable()
        code = main()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
