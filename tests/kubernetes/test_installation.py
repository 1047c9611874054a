"""What is installed: valid for the API server, with no more rights than it needs, and its metrics where Prometheus looks."""

import pytest

import examples
import harness
import installation
import kubectl as kubectl_module


def test_for_kubectl_alone(kubectl):
    """The API server takes every field of the rendered manifests and of the example."""
    for file in ["crds.yaml", "sluice.yaml", *examples.ALL]:
        kubectl("apply", "--dry-run=server", "--validate=strict", f"--filename={harness.ROOT / 'deploy/kubernetes' / file}")


def test_metrics(kubectl):
    samples = harness.wait_until(lambda: installation.metrics(kubectl), what="metrics")
    assert samples['sluice_tier_quota_bytes{tier="dram"}'] == 64 << 20


@pytest.mark.parametrize("account", ["sluice-system:sluice-node", "sluice-system:sluice-controller", "sluice-daemon:sluice-daemon"])
@pytest.mark.parametrize("right", ["get secrets", "list pods", "create pods", "update nodes", "create persistentvolumeclaims"])
def test_rights_that_nobody_has(kubectl, account, right):
    with pytest.raises(kubectl_module.Refused):  # by its exit code; it prints "no"
        kubectl("auth", "can-i", *right.split(), f"--as=system:serviceaccount:{account}", "--all-namespaces")


def test_a_right_that_is_needed(kubectl):
    """So that the tests of those that nobody has can fail."""
    kubectl("auth", "can-i", "create", "persistentvolumes", "--as=system:serviceaccount:sluice-system:sluice-controller")
