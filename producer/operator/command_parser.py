"""How operators' commands are read: mistakes are told in one line, with what to do next."""

import argparse
import sys
from typing import Final, NoReturn

_USAGE: Final = 2


class CommandParser(argparse.ArgumentParser):
    """Tells a mistake in one line, as the rest of the command line does."""

    def error(self, message: str) -> NoReturn:
        """End the process with code 2."""
        sys.stderr.write(f"{self.prog}: {message}\nnext: {self.prog} --help\n")
        sys.exit(_USAGE)
