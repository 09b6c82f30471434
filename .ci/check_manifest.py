"""Checks what the manifests promise: the minimum Rust version of every dependency, licences, one copy of what must be one."""

import json
import re
import subprocess
import sys

ALLOWED = {"MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "Unicode-3.0", "CDLA-Permissive-2.0", "MPL-2.0",
           "0BSD", "BSL-1.0", "Unlicense", "CC0-1.0", "LLVM-exception"}
OURS = {"pocketping-sdk", "pocketping-mock-server", "pocketping-cli", "pocketping-examples"}
ONE_COPY = {"tokio", "hyper", "http", "tungstenite", "tokio-tungstenite", "rustls", "serde_json", "tower-http", "digest"}


def version(text):
    return tuple(int(part) for part in (text.split("-")[0].split(".") + ["0", "0"])[:3])


def reached(metadata):
    """The packages a user of the published crates builds, on any platform: tests aside."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    names = {package["id"]: package["name"] for package in metadata["packages"]}
    todo = [id for id in nodes if names[id] in OURS]
    seen = set()
    while todo:
        id = todo.pop()
        if id not in seen:
            seen.add(id)
            for dep in nodes[id]["deps"]:
                if any(kind["kind"] != "dev" for kind in dep["dep_kinds"]):
                    todo.append(dep["pkg"])
    return seen


def licence_is_allowed(expression):
    # An OR needs one allowed side, an AND both; the crates here nest no deeper.
    sides = re.split(r"\s+OR\s+|/", expression.replace("(", "").replace(")", ""))
    return any(all(word in ALLOWED for word in re.split(r"\s+AND\s+|\s+WITH\s+", side.strip())) for side in sides)


def main():
    command = ["cargo", "metadata", "--format-version", "1", "--all-features", "--locked"]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    wrong = []
    ours = [package for package in packages.values() if package["name"] in OURS]
    floors = {package["rust_version"] for package in ours}
    if len(floors) != 1 or None in floors:
        wrong.append(f"the crates declare different minimum Rust versions: {floors}")
    floor = version(next(iter(floors)) or "0")
    used = reached(metadata)
    for id in used:
        package = packages[id]
        label = f"{package['name']} {package['version']}"
        needs = package["rust_version"]
        if needs and version(needs) > floor:
            wrong.append(f"{label} needs Rust {needs}")
        if not licence_is_allowed(package["license"] or ""):
            wrong.append(f"{label} has the licence {package['license']!r}")
    for name in ONE_COPY:
        copies = sorted(packages[id]["version"] for id in used if packages[id]["name"] == name)
        if len(copies) > 1:
            wrong.append(f"{name} is built {len(copies)} times: {', '.join(copies)}")
    for package in ours:
        for field in ("description", "license", "repository"):
            if not package[field] and package["publish"] != []:
                wrong.append(f"{package['name']} has no {field}")
    if wrong:
        sys.exit("\n".join(sorted(wrong)))
    print(f"{len(used)} packages, all for Rust {next(iter(floors))} or older and under known licences")


main()
