"""Tells what processes import: a line of JSON for each module that is asked for.

``python -m tests.architecture.loaded NAME… -- MODULE…`` forks for every module, and tells which
of the names are among what it imported. ``+MODULE`` is imported for all that follow it.
"""

import gc
import json
import os
import sys
from importlib import import_module


def main(arguments: list[str]) -> None:
    """Print what each module after ``--`` imports of the names before it."""
    cut = arguments.index("--")
    names, modules = arguments[:cut], arguments[cut + 1 :]
    gc.disable()
    for module in modules:
        if module.startswith("+"):
            import_module(module[1:])
            continue
        child = os.fork()
        if child == 0:
            import_module(module)
            told = json.dumps([module, [name for name in names if name in sys.modules]])
            sys.stdout.write(f"{told}\n")
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            raise SystemExit(f"{module} cannot be imported")


if __name__ == "__main__":
    main(sys.argv[1:])
