"""`make coverage`: which lines of `lib` and `infra` the suites reach, and that it is no less than ever before.

Only our own crates are instrumented, by a wrapper of rustc that cargo applies to the workspace alone: dependencies are those of
every other build.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK, FLOOR = ROOT / "target" / "coverage", ROOT / "infra" / "coverage" / "floor"
TOOLS = WORK / "venv" / "bin"
PROFILES = WORK / "profiles"
# The suites and the binaries of a few lines are no measure.
IGNORED = r"/(tests|functions|fuzz|benches)/|/\.cargo/|/rustc/"


def run(*command, **more):
    return subprocess.run([str(word) for word in command], check=True, cwd=ROOT, **more)


def read(*command, **more):
    return run(*command, stdout=subprocess.PIPE, **more).stdout


def highest_floor():
    """The highest floor there ever was, as far as this clone knows."""
    floors = [float(FLOOR.read_text())]
    path = FLOOR.relative_to(ROOT)
    for commit in read("git", "log", "--format=%H", "--diff-filter=d", "--", path).decode().split():
        floors.append(float(read("git", "show", f"{commit}:{path}")))
    return max(floors)


def measure():
    environment = os.environ | {
        "RUSTC_WORKSPACE_WRAPPER": str(Path(__file__).with_name("rustc.sh")),
        # Processes share eight files and add to them.
        "LLVM_PROFILE_FILE": str(PROFILES / "%8m.profraw"),
    }
    shutil.rmtree(PROFILES, ignore_errors=True)
    how = ["--list-type", "binaries-only", "--message-format", "json"]
    listed = json.loads(read("cargo", "nextest", "list", "--locked", *how, *sys.argv[1:], env=environment))
    # What was measured while building says nothing about tests.
    shutil.rmtree(PROFILES, ignore_errors=True)
    run("cargo", "nextest", "run", "--locked", "--no-fail-fast", *sys.argv[1:], env=environment)
    profile = WORK / "all.profdata"
    run(TOOLS / "llvm-profdata", "merge", "--sparse", "--output", profile, *PROFILES.glob("*.profraw"))
    first, *others = [binary["binary-path"] for binary in listed["rust-binaries"].values()]
    objects = [word for other in others for word in ("--object", other)]
    options = ["--instr-profile", profile, "--ignore-filename-regex", IGNORED]
    with (WORK / "report.txt").open("wb") as report:
        run(TOOLS / "llvm-cov", "report", *options, first, *objects, stdout=report)
    summary = json.loads(read(TOOLS / "llvm-cov", "export", "--summary-only", *options, first, *objects))
    return summary["data"][0]["totals"]["lines"]["percent"]


def main():
    covered, floor = measure(), highest_floor()
    print(f"{covered:.2f} % of the lines, {WORK.relative_to(ROOT)}/report.txt says of which files; the floor is {floor:.1f} %")
    if float(FLOOR.read_text()) < floor:
        sys.exit(f"the floor was {floor:.1f} % before: it may only rise")
    if covered < floor:
        sys.exit("that is below the floor: test what was added")
    if covered >= floor + 1:
        sys.exit(f"that is well above the floor: raise it, with `echo {int(covered * 10) / 10} > {FLOOR.relative_to(ROOT)}`")


if __name__ == "__main__":
    main()
