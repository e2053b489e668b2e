"""``python -P -m producer.doctor``: look at an installation and say what is wrong with it.

Exit codes: 0 nothing is wrong, 1 errors were found, 2 usage, 130 interrupted.
"""

import sys

if __name__ == "__main__":
    try:
        # What it imports takes a moment in which somebody may change their mind.
        from producer.doctor.command import main

        code = main()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
