"""``python -P -m infra.embedded.held MODULE``: imports a process of genq ahead, and then waits.

A line on standard input starts it, as ``python -P -m MODULE`` would. The input's end without a
line means that nobody waits for it any more.
"""

import gc
import runpy
import sys
from importlib import import_module

_UNWANTED = 1


def main() -> int:
    """Import, wait, and become the process; return the exit code if it is not wanted."""
    module = sys.argv.pop(1)
    # What is imported is no garbage; the module sets the collector to its own mind.
    gc.disable()
    import_module(f"{module}.process")
    if not sys.stdin.buffer.readline():
        return _UNWANTED
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
