"""``python -P -m producer.chat.setup PLATFORM``: register a bot with its platform.

Exit codes: 0 done, 1 the platform refused, 2 usage, 5 the platform cannot be reached,
8 a setting is missing or wrong, 130 interrupted.
"""

import gc
import os
import sys

if __name__ == "__main__":
    # Nothing of what is imported is garbage: looking for it takes a fifth of the start.
    gc.disable()
    try:
        # What it imports takes a moment in which somebody may change their mind.
        from producer.chat.setup.command import main

        gc.freeze()
        gc.enable()
        code = main()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # Whoever reads it has seen enough; what is left goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)
