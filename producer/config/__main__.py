"""``python -P -m producer.config check|show``: the settings, their sources, and if they work.

Exit codes: 0 all is well, 2 usage, 8 a setting is wrong or what it names does not work, 130
interrupted.
"""

import gc
import sys

if __name__ == "__main__":
    # Nothing of what is imported is garbage: looking for it takes a fifth of the start.
    gc.disable()
    try:
        # What it imports takes a moment in which somebody may change their mind.
        from producer.config.command import main

        gc.freeze()
        gc.enable()
        code = main()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
