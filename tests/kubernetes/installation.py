"""The manifests of deploy/kubernetes, as they are but for sizes, in the order that they are installed in."""

import json

import yaml

import harness

MANIFESTS = harness.ROOT / "deploy" / "kubernetes"
QUOTAS = {"dram": "64MiB", "ssd": "1GiB"}


def fit(document):
    """For a machine that has more to do than this."""
    if document["kind"] == "ConfigMap":
        configuration = yaml.safe_load(document["data"]["config.yaml"])
        for tier in configuration["pools"]["default"]["tiers"]:
            tier["quota"] = QUOTAS[tier["medium"]]
        document["data"]["config.yaml"] = yaml.safe_dump(configuration)
    if document["kind"] in ("DaemonSet", "Deployment", "StatefulSet"):
        for container in document["spec"]["template"]["spec"]["containers"]:
            container["resources"] = {"requests": {"cpu": "1m", "memory": "16Mi"}}
        for template in document["spec"].pop("volumeClaimTemplates", []):  # nobody else here makes volumes
            document["spec"]["template"]["spec"]["volumes"].append({"name": template["metadata"]["name"], "emptyDir": {}})
    return document


def documents(*files):
    return [fit(document) for file in files for document in yaml.safe_load_all((MANIFESTS / file).read_text())]


def install(kubectl):
    """Returns when everything runs, and the kubelet knows the driver."""
    for files in [("rbac.yaml", "csidriver.yaml"), ("node.yaml",), ("daemon.yaml",), ("controller.yaml",)]:
        kubectl.apply(documents(*files))
    wait(kubectl)


def wait(kubectl):
    for document in documents("node.yaml", "daemon.yaml", "controller.yaml"):
        if document["kind"] in ("DaemonSet", "Deployment", "StatefulSet"):
            kubectl.wait_for_rollout(document["kind"], document["metadata"]["name"], document["metadata"]["namespace"])
    kubectl.wait_until(lambda node: node and node["spec"]["drivers"], "csinode", "node1", what="the driver")


def sluice(kubectl, *arguments):
    """The command line's JSON, in the daemon's pod."""
    output = kubectl("exec", "--namespace=sluice-daemon", "daemonset/sluice-daemon", "--", "sluice",
                     "--socket=/var/lib/sluice/pools/default/admin.sock", "--output=json", *arguments)
    return json.loads(output.splitlines()[-1])
