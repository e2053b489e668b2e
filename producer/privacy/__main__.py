"""``python -P -m producer.privacy COMMAND``: erase, export, retention, legal holds, data keys.

Exit codes: 0 fine, 1 a file, 2 usage, 3 no such tenant, 5 server unreachable, 8
settings, 9 under legal hold, 130 interrupted.
"""

import gc
import sys

if __name__ == "__main__":
    # Nothing of what is imported is garbage: looking for it takes a fifth of the start.
    gc.disable()
    try:
        # What it imports takes a moment in which somebody may change their mind.
        from producer.privacy.command import main

        gc.freeze()
        gc.enable()
        code = main()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
