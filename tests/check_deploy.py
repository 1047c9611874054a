"""Lints deploy/: manifests that Kubernetes would take, that agree with the programs, and that ask for no more than needed."""

import json
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
problems = []


def expect(condition, text):
    if not condition:
        problems.append(text)


def documents():
    for file in sorted((ROOT / "deploy/kubernetes").glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            yield file.name, document


driver = re.search(r'kDriverName = "([^"]+)"', (ROOT / "csi/identity_service.h").read_text()).group(1)
parameters = set(re.findall(r'"(\w+)"', re.search(r"kKeys\[\] = \{(.*?)\}", (ROOT / "csi/volume_parameters.cc").read_text(), re.S).group(1)))


def flags_of(source):
    return set(re.findall(r'add_(?:option|flag)\(\s*"--([\w-]+)"', (ROOT / source).read_text()))


def check_restricted(where, pod):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        expect(not pod.get(field), f"{where}: {field}")
    for volume in pod["volumes"]:
        expect(volume.keys() & {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}, f"{where}: volume {volume['name']}")
    context = pod["securityContext"]
    expect(context.get("runAsNonRoot") and context.get("runAsUser") and context.get("seccompProfile", {}).get("type") in ("RuntimeDefault", "Localhost"), f"{where}: securityContext")
    for container in pod["containers"]:
        own = container["securityContext"]
        expect(own.get("allowPrivilegeEscalation") is False and own["capabilities"] == {"drop": ["ALL"]} and not own.get("privileged"), f"{where}/{container['name']}: securityContext")


restricted = {d["metadata"]["name"] for _, d in documents() if d["kind"] == "Namespace" and d["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"}
flags = {"sluice": flags_of("csi/main.cc"), "sluiced": flags_of("daemon/main.cc")}
allowed = [pool["attached"] for _, d in documents() if d["kind"] == "ConfigMap" and "config.yaml" in d["data"] for pool in yaml.safe_load(d["data"]["config.yaml"])["pools"].values() if "attached" in pool]
kinds = {}
for name, document in documents():
    where = f"{name}: {document.get('kind')} {document.get('metadata', {}).get('name')}"
    for field in ("apiVersion", "kind", "metadata"):
        expect(field in document, f"{where}: no {field}")
    kinds.setdefault(document["kind"], []).append(document)
    if document["kind"] in ("ClusterRole", "Role"):
        for rule in document["rules"]:
            expect("*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"], f"{where}: a wildcard in a rule")
            named = document["kind"] == "Role" and rule.get("resourceNames")  # the operator's own certificate
            expect("secrets" not in rule["resources"] or named or rule["verbs"] == ["create"], f"{where}: may read secrets")
    if document["kind"] in ("DaemonSet", "Deployment"):
        pod = document["spec"]["template"]["spec"]
        expect(document["spec"]["selector"]["matchLabels"].items() <= document["spec"]["template"]["metadata"]["labels"].items(), f"{where}: the selector")
        volumes = {v["name"] for v in pod["volumes"]}
        for container in pod["containers"]:
            expect("requests" in container["resources"], f"{where}/{container['name']}: no resource requests")
            expect({m["name"] for m in container["volumeMounts"]} <= volumes, f"{where}/{container['name']}: a volume that is not there")
            if known := flags.get(container["name"]):
                used = {a.split("=")[0].removeprefix("--") for a in container["args"]}
                expect(used <= known, f"{where}: flags that {container['name']} does not have: {used - known}")
            if document["kind"] == "DaemonSet" and container["name"] == "sluice":
                # The kubelet and the plugin tell each other paths: they are the node's.
                host = {v["name"]: v["hostPath"]["path"] for v in pod["volumes"] if "hostPath" in v}
                shared = {m["mountPath"] for m in container["volumeMounts"] if host.get(m["name"]) == m["mountPath"]}
                values = dict(a.removeprefix("--").split("=", 1) for a in container["args"])
                for flag in ("endpoint", "state-dir", "kubelet-dir", "registration-dir"):
                    path = pathlib.PurePath(values.get(flag, "").removeprefix("unix://"))
                    expect(shared & {str(p) for p in [path, *path.parents]}, f"{where}: --{flag} '{path}' is not at the node's own path")
            if container["name"] != "sluice":
                context = container["securityContext"]
                expect(context.get("readOnlyRootFilesystem") and context["capabilities"]["drop"] == ["ALL"], f"{where}/{container['name']}: privileges")
        if document["kind"] == "Deployment" or document["metadata"]["namespace"] in restricted:
            check_restricted(where, pod)
        if document["metadata"]["namespace"] in restricted:
            attached = {"namespace": document["metadata"]["namespace"], "serviceAccount": pod["serviceAccountName"]}
            expect(attached in allowed, f"{where}: the plugin's configuration does not let {attached} have directories")
            for volume in (volume for volume in pod["volumes"] if "csi" in volume):
                expect(volume["csi"]["driver"] == driver, f"{where}: the driver is {driver}")
    if document["kind"] == "StorageClass":
        expect(document["provisioner"] == driver, f"{where}: the driver is {driver}")
        own = {k for k in document["parameters"] if "kubernetes.io" not in k and not k.startswith("csi.storage.k8s.io/")}
        for part in ("name", "namespace"):
            secrets = {document["parameters"].get(f"csi.storage.k8s.io/node-{call}-secret-{part}") for call in ("stage", "publish")}
            expect(len(secrets) == 1, f"{where}: a Secret that changes takes effect if it comes with publishing, too")
        expect(own <= parameters, f"{where}: parameters that do not exist: {own - parameters}")
    if document["kind"] == "CSIDriver":
        expect(document["metadata"]["name"] == driver, f"{where}: the driver is {driver}")
        expect(document["spec"]["storageCapacity"] is False, f"{where}: a volume takes nothing of a node")
        expect(document["spec"]["requiresRepublish"] is True, f"{where}: without requiresRepublish a Secret that changes has no effect")
        expect(document["spec"]["podInfoOnMount"] is True, f"{where}: without podInfoOnMount any pod could say that it is the daemon's")

expect(restricted, "no namespace is restricted")
for kind in ("CSIDriver", "DaemonSet", "Deployment", "StorageClass", "ClusterRole", "ConfigMap"):
    expect(kind in kinds, f"no {kind}")
json.loads((ROOT / "deploy/seccomp-io-uring.json").read_text())
expect("ExecStart=/opt/sluice/bin/sluice-csi" in (ROOT / "deploy/sluice-csi.service").read_text(), "the systemd unit's program")
print("\n".join(problems) or "deploy/ is in order")
sys.exit(1 if problems else 0)
