"""What came of several ids: one bad one does not keep the others from their turn."""

from collections import Counter
from collections.abc import Callable

from genq.cli.exit_codes import ExitCode, code_of
from genq.cli.screen import complain
from genq.errors import ConflictError, NotFoundError


class Tally:
    """Counts what came of each id, and the worst exit code.

    Attributes:
        code: The worst so far.
    """

    def __init__(self) -> None:
        self.code = ExitCode.OK
        self._counts: Counter[str] = Counter()

    def add(self, what: str) -> None:
        """Count one more of ``what``, such as ``cancelled``."""
        self._counts[what] += 1

    def attempt(self, act: Callable[[], None], *, alone: bool) -> None:
        """Do ``act`` for one id, and go on if that one is not there or refused.

        Args:
            act: Raises what the server said.
            alone: It is the only id: its error is the command's.

        Raises:
            GenqError: Any other error ends the command, such as a server that is away.
        """
        try:
            act()
        except (NotFoundError, ConflictError) as error:
            if alone:
                raise
            complain(f"genq: {error}")
            self.add("not found" if isinstance(error, NotFoundError) else "refused")
            self.code = max(self.code, code_of(error))

    def __str__(self) -> str:
        """Return the sum, such as ``2 cancelled, 1 not found``."""
        return ", ".join(f"{count} {what}" for what, count in self._counts.items())
