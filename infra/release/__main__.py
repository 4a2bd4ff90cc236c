"""`make release`: what was built, as a release carries it. The same binaries make the same files, byte for byte."""

import hashlib
import json
import shutil
import sys
import tomllib
import zipfile

from infra.build.package import BUILT, architecture
from infra.template import ROOT, functions, read_template

from .sbom import sbom

RELEASES = ROOT / "target" / "releases"
BOOTSTRAP = ROOT / "target" / "bootstrap" / "stint-bootstrap" / "bootstrap"


def add(archive, name, content, mode):
    # The first moment that a zip can name.
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.external_attr = mode << 16
    # What is a zip gets no smaller.
    method = zipfile.ZIP_STORED if name.endswith(".zip") else zipfile.ZIP_DEFLATED
    archive.writestr(entry, content, method, 6)


def template(built_for):
    """The template, whose functions are the zips beside it."""
    packaged = read_template()
    for name, binary in functions(packaged).items():
        packaged["Resources"][name]["Properties"]["CodeUri"] = f"functions/{binary}.zip"
    packaged["Parameters"]["Architecture"] |= {"Default": built_for, "AllowedValues": [built_for]}
    return packaged


def settings():
    """samconfig.toml without what only matters to who builds."""
    sections = (ROOT / "samconfig.toml").read_text().split("\n[")
    return "\n[".join(section for section in sections if not section.startswith("default.build."))


def lay_out(folder, version, target, built_for):
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "functions").mkdir(parents=True)
    packaged = template(built_for)
    for binary in functions(packaged).values():
        with zipfile.ZipFile(folder / "functions" / f"{binary}.zip", "w") as archive:
            add(archive, "bootstrap", (BUILT / binary / "bootstrap").read_bytes(), 0o755)
    # JSON is YAML.
    (folder / "template.yaml").write_text(json.dumps(packaged, indent=1) + "\n")
    (folder / "samconfig.toml").write_text(settings())
    (folder / "sbom.cdx.json").write_text(json.dumps(sbom(version, target), indent=1) + "\n")
    shutil.copyfile(ROOT / "infra" / "release" / "DEPLOY.md", folder / "DEPLOY.md")
    shutil.copyfile(ROOT / "infra" / "audit" / "verify.py", folder / "verify.py")
    for name in ("LICENSE", "CHANGELOG.md"):
        shutil.copyfile(ROOT / name, folder / name)
    shutil.copy2(BOOTSTRAP, folder / "stint-bootstrap")
    (folder / "stint-bootstrap").chmod(0o755)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder)}\n" for file in files]
    (folder / "SHA256SUMS").write_text("".join(sums))


def pack(folder):
    packed = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            add(archive, str(file.relative_to(folder.parent)), file.read_bytes(), file.stat().st_mode & 0o777)
    checksum = hashlib.sha256(packed.read_bytes()).hexdigest()
    packed.with_name(f"{packed.name}.sha256").write_text(f"{checksum}  {packed.name}\n")
    return packed


def main():
    [target] = sys.argv[1:]
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    built_for = architecture()
    folder = RELEASES / f"stint-{version}-{built_for}"
    lay_out(folder, version, target, built_for)
    packed = pack(folder)
    print(f"{packed.relative_to(ROOT)}, {packed.stat().st_size / 1e6:.0f} MB; {folder.relative_to(ROOT)} is what it holds")


if __name__ == "__main__":
    main()
