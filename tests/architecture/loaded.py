"""Tells what processes import: a line of JSON for each module that is asked for.

``python -P -m tests.architecture.loaded WORTH-NOTING… -- MODULE…`` forks for every module, so that
what nearly all of them need is imported once.
"""

import gc
import json
import os
import sys
from importlib import import_module
from typing import Final

# Of every process with a database.
_SHARED: Final = "infra.postgres.engine"


def main(arguments: list[str]) -> None:
    """Print, of each module after ``--``, which of the names before it it imports."""
    cut = arguments.index("--")
    noted, modules = arguments[:cut], arguments[cut + 1 :]
    gc.disable()
    for module in modules:
        if module == _SHARED:
            import_module(module)
            continue
        child = os.fork()
        if child == 0:
            import_module(module)
            told = json.dumps([module, [name for name in noted if name in sys.modules]])
            sys.stdout.write(f"{told}\n")
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            raise SystemExit(f"{module} cannot be imported")


if __name__ == "__main__":
    main(sys.argv[1:])
