"""``python -P -m producer.routing COMMAND``: routes of models, for who runs genq.

Exit codes: 0 fine, 1 it failed, 2 usage, 3 no such model or version, 5 server unreachable,
8 an invalid route or setting, 9 somebody else changed it, 130 interrupted.
"""

import gc
import sys

if __name__ == "__main__":
    # Nothing of what is imported is garbage: looking for it takes a fifth of the start.
    gc.disable()
    try:
        # What it imports takes a moment in which somebody may change their mind.
        from producer.routing.command import main

        gc.freeze()
        gc.enable()
        code = main()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
