"""Helm takes everything away at once, and nothing of it is stuck; what was cached is there for the next installation."""

import pytest

import examples
import harness
import installation
from namespace import DRIVER


@pytest.fixture
def installed_again(kubectl):
    yield
    installation.install(kubectl)


def uninstall(kubectl):
    installation.uninstall(kubectl)
    wait_until_gone(kubectl)


def wait_until_gone(kubectl):
    for namespace in ["sluice-system", "sluice-daemon"]:
        harness.wait_until(lambda namespace=namespace: not kubectl.get("pods", None, namespace), seconds=120, what=f"the end of the pods in {namespace}")
    kubectl.wait_until_gone("namespace", "sluice-daemon")
    assert kubectl.get("csidriver", DRIVER) is None
    kubectl.wait_until(lambda node: not node["spec"]["drivers"], "csinode", "node1", what="without the driver")


def test_uninstall(kubectl, installed_again):
    uninstall(kubectl)


def test_kubectl_alone(s3, kubectl, installed_again):
    """From nothing to a pod that reads a bucket, and back, with what deploy/kubernetes has."""
    uninstall(kubectl)
    files = [f"--filename={harness.ROOT / 'deploy/kubernetes' / name}" for name in ["crds.yaml", "sluice.yaml"]]
    kubectl("apply", *files)
    for kind, name, namespace in [("daemonset", "sluice-node", "sluice-system"), ("daemonset", "sluice-daemon", "sluice-daemon"),
                                  ("deployment", "sluice-operator", "sluice-system")]:
        kubectl.wait_for_rollout(kind, name, namespace)
    examples.read(s3, kubectl, "dataset.yaml")
    kubectl("delete", "--ignore-not-found", "--wait=false", *files)
    wait_until_gone(kubectl)
    kubectl.wait_until_gone("namespace", "sluice-system", seconds=120)
