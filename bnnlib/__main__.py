"""`python -m bnnlib`."""

import sys

from bnnlib.cli.parser import main

if __name__ == "__main__":
    sys.exit(main())
