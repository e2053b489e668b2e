"""``python -P -m producer.doctor``: look at an installation and say what is wrong with it.

Exit codes: 0 nothing is wrong, 1 errors were found, 2 usage, 130 interrupted.
"""

import gc
import sys

if __name__ == "__main__":
    # Nothing of what is imported is garbage: looking for it takes a fifth of the start.
    gc.disable()
    try:
        # What it imports takes a moment in which somebody may change their mind.
        from producer.doctor.command import main

        gc.freeze()
        gc.enable()
        code = main()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
