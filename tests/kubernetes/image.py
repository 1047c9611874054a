"""Container images, made of programs of this machine without a registry or an image tool: one OCI archive, for
`ctr images import`."""

import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import tarfile

import harness

VERSION = harness.version()
BUSYBOX = "docker.io/library/busybox:1.37"
SLUICE = f"docker.io/library/sluice:{VERSION}"
KUBERNETES = harness.ROOT / "build" / "kubernetes" / "bin"


def libraries(program):
    """What a program is linked with, by the paths that the image has them at; nothing for a static one."""
    linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    found = {f"opt/sluice/lib/{name}": path for name, path in re.findall(r"(\S+) => (/\S+)", linked)}
    found |= {loader.lstrip("/"): loader for loader in re.findall(r"^\s*(/\S*ld-linux\S*)", linked, re.M)}
    return found


def layer(files, links=(), directories=()):
    """A layer's bytes: `files` is path in the image -> file of this machine, or its bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        def add(name, kind, mode=0o755, content=b"", target=""):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(content), target
            tar.addfile(entry, io.BytesIO(content))

        parents = {str(parent) for name in [*files, *links] for parent in pathlib.PurePath(name).parents} - {"."}
        for name in sorted({*directories, *parents}):
            add(name, tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755)
        for name, content in sorted(files.items()):
            add(name, tarfile.REGTYPE, content=content if isinstance(content, bytes) else pathlib.Path(content).read_bytes())
        for name in links:
            add(name, tarfile.SYMTYPE, target="busybox")
    return out.getvalue()


class Archive:
    """Images by name, in one file."""

    def __init__(self):
        self.blobs = {}
        self.manifests = []

    def blob(self, content, kind):
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    def add(self, name, layers, entrypoint):
        blobs = [self.blob(content, "layer.v1.tar") for content in layers]
        config = self.blob(json.dumps({
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine], "os": "linux",
            "config": {"Env": ["PATH=/opt/sluice/bin:/bin"], "Entrypoint": entrypoint},
            "rootfs": {"type": "layers", "diff_ids": [blob["digest"] for blob in blobs]}}).encode(), "config.v1+json")
        manifest = self.blob(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                                         "config": config, "layers": blobs}).encode(), "manifest.v1+json")
        self.manifests.append(manifest | {"annotations": {"io.containerd.image.name": name}})

    def write(self, path):
        contents = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
                    "index.json": json.dumps({"schemaVersion": 2, "manifests": self.manifests}).encode()}
        contents |= {f"blobs/sha256/{digest}": content for digest, content in self.blobs.items()}
        pathlib.Path(path).write_bytes(layer(contents))


def busybox_layer():
    applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    return layer({"bin/busybox": "/bin/busybox", "etc/passwd": b"root:x:0:0:root:/:/bin/sh\n"},
                 links=[f"bin/{applet}" for applet in applets if applet != "busybox"],
                 directories=["tmp", "proc", "sys", "dev", "run", "var", "var/lib"])


def sluice_layer():
    """The project's programs, those of the operator if they have been built."""
    programs = [harness.BUILD / "bin" / name for name in ["sluice", "sluiced", "sluice-csi"]]
    programs += [path for path in [KUBERNETES / "sluice-operator"] if path.exists()]
    files = {f"opt/sluice/bin/{program.name}": program for program in programs}
    for program in programs:
        files |= libraries(program)
    return layer(files)


def manifest_image(name):
    """The whole name that a manifest has for it, with the version."""
    texts = "".join(file.read_text() for file in sorted((harness.ROOT / "deploy/kubernetes").glob("*.yaml")))
    return re.search(rf"image: (\S*/{name}:\S+)", texts)[1]


def write_images(path):
    """All that the manifests and the tests name, under the names that the manifests have for them."""
    base, archive = busybox_layer(), Archive()
    archive.add(BUSYBOX, [base], ["/bin/sleep", "2147483647"])
    archive.add(SLUICE, [base, sluice_layer()], ["/opt/sluice/bin/sluice-csi"])
    archive.add(manifest_image("csi-provisioner"), [base, layer({"csi-provisioner": KUBERNETES / "csi-provisioner"})], ["/csi-provisioner"])
    archive.write(path)
