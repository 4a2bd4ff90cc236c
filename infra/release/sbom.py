"""What the binaries of a release are made of: a CycloneDX 1.6 document, from what cargo says."""

import json
import subprocess
import tomllib
import uuid

from infra.template import ROOT

SHIPPED = ("stint-functions", "stint-bootstrap")


def cargo(*words):
    command = ["cargo", words[0], "--locked", *words[1:]]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def linked(target):
    """Name and version of each package that is linked into a binary that is shipped: no tests, no build scripts, no macros."""
    shipped = [word for package in SHIPPED for word in ("--package", package)]
    tree = cargo("tree", "--edges", "normal,no-proc-macro", "--target", target, "--prefix", "none", "--format", "{p}", *shipped)
    return {(name, version.removeprefix("v")) for name, version, *_ in map(str.split, filter(None, tree.splitlines()))}


def reference(name, version):
    return f"pkg:cargo/{name}@{version}"


def component(package, checksums):
    name, version = package["name"], package["version"]
    found = {
        "type": "library",
        "bom-ref": reference(name, version),
        "name": name,
        "version": version,
        "purl": reference(name, version),
    }
    if package["description"]:
        found["description"] = " ".join(package["description"].split())
    if package["license"]:
        # The old spelling of "or" is no SPDX expression.
        found["licenses"] = [{"expression": " OR ".join(map(str.strip, package["license"].split("/")))}]
    if checksum := checksums.get((name, version)):
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        found["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return found


def sbom(version, target):
    included = linked(target)
    metadata = json.loads(cargo("metadata", "--format-version", "1", "--filter-platform", target))
    packages = {package["id"]: package for package in metadata["packages"]}
    of = {id: (package["name"], package["version"]) for id, package in packages.items()}
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {(one["name"], one["version"]): one.get("checksum") for one in locked}
    dependencies = {}
    for node in metadata["resolve"]["nodes"]:
        if of[node["id"]] in included:
            normal = {of[dep["pkg"]] for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])}
            dependencies[of[node["id"]]] = sorted(reference(*one) for one in normal & included)
    components = [component(package, checksums) for package in packages.values() if of[package["id"]] in included]
    root = f"stint-{version}"
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "stint",
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "properties": [{"name": "target", "value": target}],
            }
        },
        "components": sorted(components, key=lambda one: one["bom-ref"]),
        "dependencies": [
            {"ref": root, "dependsOn": sorted(reference(*one) for one in included if one[0] in SHIPPED)},
            *({"ref": reference(*one), "dependsOn": on} for one, on in sorted(dependencies.items())),
        ],
    }
    # The same content has the same number.
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document))}"
    return document
