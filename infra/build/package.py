"""`make package`: what `sam build` leaves for `sam deploy`, from the binaries of `make build`."""

import json
import shutil

from infra.template import ROOT, functions, read_template

BUILT, PACKAGED = ROOT / "target" / "lambda", ROOT / ".aws-sam" / "build"


def main():
    template = read_template()
    shutil.rmtree(PACKAGED, ignore_errors=True)
    for name, binary in functions(template).items():
        (PACKAGED / name).mkdir(parents=True)
        shutil.copy2(BUILT / binary / "bootstrap", PACKAGED / name / "bootstrap")
        template["Resources"][name]["Properties"]["CodeUri"] = name
    # JSON is YAML, and this is the name SAM looks for.
    (PACKAGED / "template.yaml").write_text(json.dumps(template, indent=2))
    print(f"{PACKAGED.relative_to(ROOT)} is what `sam deploy --parameter-overrides Architecture={architecture()}` takes")


def architecture():
    machine = (next(BUILT.glob("*/bootstrap"))).read_bytes()[18:20]
    return {b"\x3e\x00": "x86_64", b"\xb7\x00": "arm64"}[machine]


if __name__ == "__main__":
    main()
