"""Helm takes everything away at once, and nothing of it is stuck; what was cached is there for the next installation."""

import pytest

import harness
import installation
from namespace import DRIVER


@pytest.fixture
def installed_again(kubectl):
    yield
    installation.install(kubectl)


def test_uninstall(kubectl, installed_again):
    installation.uninstall(kubectl)
    for namespace in ["sluice-system", "sluice-daemon"]:
        harness.wait_until(lambda namespace=namespace: not kubectl.get("pods", None, namespace), seconds=120, what=f"the end of the pods in {namespace}")
    kubectl.wait_until_gone("namespace", "sluice-daemon")
    assert kubectl.get("csidriver", DRIVER) is None
    kubectl.wait_until(lambda node: not node["spec"]["drivers"], "csinode", "node1", what="without the driver")
