"""``python -P -m infra.simulator.chat``: the chat platforms as a process of their own."""

import sys

if __name__ == "__main__":
    from infra.simulator.chat.process import main

    sys.exit(main())
