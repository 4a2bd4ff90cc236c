"""The release binaries and their sizes, largest first; and whether the glibc they will run on is enough for them."""

import re
import sys
from pathlib import Path

# Amazon Linux 2023's.
GLIBC = (2, 34)


def glibc(binary):
    """The newest version whose symbols it needs."""
    versions = re.findall(rb"\0GLIBC_(\d+)\.(\d+)[.\d]*(?=\0)", binary.read_bytes())
    return max((int(major), int(minor)) for major, minor in versions)


def main():
    binaries = sorted(Path("target/lambda").glob("*/bootstrap"), key=lambda file: -file.stat().st_size)
    if not binaries:
        sys.exit("nothing has been built")
    for binary in binaries:
        print(f"{binary.stat().st_size / 1e6:8.1f} MB  {binary.parent.name}")
    if too_new := [binary.parent.name for binary in binaries if glibc(binary) > GLIBC]:
        sys.exit(f"these need a newer glibc than Lambda has, and would not start: {', '.join(too_new)}")


if __name__ == "__main__":
    main()
