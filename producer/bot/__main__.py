"""``python -P -m producer.bot COMMAND``: bots and their bindings, for who runs genq.

Exit codes: 0 fine, 1 it failed, 2 usage, 3 no such tenant or binding, 5 server unreachable,
8 a wrong setting, 130 interrupted.
"""

import gc
import sys

if __name__ == "__main__":
    # Nothing of what is imported is garbage: looking for it takes a fifth of the start.
    gc.disable()
    try:
        # What it imports takes a moment in which somebody may change their mind.
        from producer.bot.command import main

        gc.freeze()
        gc.enable()
        code = main()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
