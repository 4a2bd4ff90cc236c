"""The notes of a release: `python3 -m infra.release.notes v1.2.3` prints the changelog's section, and fails when the tag is not
the version in Cargo.toml or has no section."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def section(changelog, version):
    found = re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)", changelog, re.M | re.S)
    return found[1].strip() if found else ""


def main():
    [tag] = sys.argv[1:]
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    if tag != f"v{version}":
        sys.exit(f"the tag is {tag}, and Cargo.toml says {version}")
    notes = section((ROOT / "CHANGELOG.md").read_text(), version)
    if not notes:
        sys.exit(f"CHANGELOG.md has no section `## [{version}] - <date>`, or an empty one")
    print(notes)


if __name__ == "__main__":
    main()
