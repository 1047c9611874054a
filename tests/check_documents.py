"""The documents say what the programs do: metrics, parameters, configuration keys, commands, dependencies, links.

    check_documents.py BUILD_DIRECTORY
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(sys.argv[1])
problems = []


def same(what, documented, real):
    for name in sorted(real - documented):
        problems.append(f"{what}: {name} is not documented")
    for name in sorted(documented - real):
        problems.append(f"{what}: {name} is documented and does not exist")


def text(path):
    return (ROOT / path).read_text()


sources = "".join(f.read_text() for folder in ("common", "io", "source", "cache", "fuse", "daemon") for f in (ROOT / folder).glob("*.*"))
sources += "".join(f.read_text() for f in (ROOT / "operator/metrics").glob("*.go") if not f.name.endswith("_test.go"))
same("metrics", set(re.findall(r"`(sluice_\w+)`", text("docs/metrics.md"))), set(re.findall(r'"(sluice_\w+)"', sources)))

keys = re.search(r"kKeys\[\] = \{(.*?)\}", text("csi/volume_parameters.cc"), re.S).group(1)
rows = [line.split("|")[1] for line in text("docs/volume-parameters.md").splitlines() if line.startswith("| `")]
same("volume parameters", {k for row in rows for k in re.findall(r"`(\w+)`", row)}, set(re.findall(r'"(\w+)"', keys)))

config = re.search(r"```yaml\n(.*?)```", text("docs/configuration.md"), re.S).group(1)
same("configuration", set(re.findall(r"(\w+):(?=\s|$)", re.sub(r"#.*", "", config), re.M)) - {"default"},
     set(re.findall(r'(?:yaml|attached|limits|source|scrub|metrics|top)\.\w+\("(\w+)"', text("common/pool_config.cc"))))

help_text = subprocess.run([BUILD / "bin/sluice", "--help"], capture_output=True, text=True, check=True).stdout
commands = set(re.findall(r"^  (\w+) ", help_text[help_text.index("Subcommands"):], re.M))
documented = set(re.findall(r"\b(\w+)\b", " ".join(re.findall(r"`([^`]*)`", text("docs/admin-api.md")))))
for command in sorted(commands - documented):
    problems.append(f"docs/admin-api.md: the command {command} is not documented")

dependencies = text("cmake/Dependencies.cmake").lower() + text("tests/CMakeLists.txt").lower() + text("bench/CMakeLists.txt").lower()
pages = {f.stem for f in (ROOT / "third_party_notes").glob("*.md")} - {"README"}
for page, mark in {"abseil": "absl", "grpc": "grpc", "protobuf": "protobuf", "spdlog": "spdlog", "fmt": "fmt", "yaml-cpp": "yaml-cpp", "libcurl": "curl",
                   "openssl": "openssl", "cli11": "cli11", "nlohmann-json": "nlohmann_json", "pugixml": "pugixml", "prometheus-cpp": "prometheus-cpp",
                   "liburing": "uring", "libseccomp": "seccomp", "xxhash": "xxhash", "rocksdb": "rocksdb", "cpp-httplib": "httplib", "libfuse": "fuse", "googletest": "gtest",
                   "boost-crc": "boost", "sqlite": "sqlite", "google-benchmark": "benchmark"}.items():
    if mark not in dependencies:
        problems.append(f"third_party_notes: {page} is not a dependency any more")
    if page not in pages:
        problems.append(f"third_party_notes: no page for {page}")

for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "third_party_notes").glob("*.md")]:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if "://" not in target and not (document.parent / target).exists():
            problems.append(f"{document.relative_to(ROOT)}: a link to {target}, which is not there")
    if not document.read_text().startswith("# "):
        problems.append(f"{document.relative_to(ROOT)}: no title")

for program, expected in {"sluice": commands, "sluiced": {"--state-dir"}, "sluice-csi": {"--endpoint"}}.items():
    out = subprocess.run([BUILD / "bin" / program, "--help"], capture_output=True, text=True, check=True).stdout
    for word in expected:
        if word not in out:
            problems.append(f"{program} --help does not mention {word}")

print("\n".join(problems) or "the documents agree with the programs")
sys.exit(1 if problems else 0)
