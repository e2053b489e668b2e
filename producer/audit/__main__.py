"""``python -P -m producer.audit COMMAND``: show the audit log, or verify it.

Exit codes: 0 fine, 1 the log is not what was written, 2 usage, 3 no such tenant, 5 server
unreachable, 8 settings, 130 interrupted.
"""

import gc
import sys

if __name__ == "__main__":
    # Nothing of what is imported is garbage: looking for it takes a fifth of the start.
    gc.disable()
    try:
        # What it imports takes a moment in which somebody may change their mind.
        from producer.audit.command import main

        gc.freeze()
        gc.enable()
        code = main()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
