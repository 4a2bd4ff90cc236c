"""The release binaries and their sizes, largest first."""

import sys
from pathlib import Path

binaries = sorted(Path("target/lambda").glob("*/bootstrap"), key=lambda file: -file.stat().st_size)
if not binaries:
    sys.exit("nothing has been built")
for binary in binaries:
    print(f"{binary.stat().st_size / 1e6:8.1f} MB  {binary.parent.name}")
