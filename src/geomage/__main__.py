"""`python -m geomage` is the command `geomage`."""

from __future__ import annotations

import sys

from geomage.cli import main

if __name__ == "__main__":
    sys.exit(main())
