"""What a pod of another namespace asks for in vain."""

import re

import pytest

import image
from namespace import DRIVER


@pytest.mark.parametrize("directory", ["pool", "config", "ssd"])
def test_daemons_directories(namespace, kubectl, directory):
    """Whoever had the pool's directory could read every dataset of the node, and answer in the daemon's place."""
    namespace.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "thief"}, "spec": {
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "it", "image": image.BUSYBOX, "volumeMounts": [{"name": "loot", "mountPath": "/loot"}]}],
        "volumes": [{"name": "loot", "csi": {"driver": DRIVER, "volumeAttributes": {"pool": "default", "directory": directory}}}]}})
    event = kubectl.wait_for_event(re.compile("FailedMount.*PermissionDenied"), "thief", namespace.name)
    assert f"{namespace.name}/default" in event, "it does not say who was refused"
    assert kubectl.get("pod", "thief", namespace.name)["status"]["phase"] == "Pending"


def test_account_of_the_same_name(namespace, kubectl):
    """The daemon's service account is that of its namespace."""
    namespace.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sluice-daemon"}},
                    {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "thief"}, "spec": {
                        "serviceAccountName": "sluice-daemon", "terminationGracePeriodSeconds": 1,
                        "containers": [{"name": "it", "image": image.BUSYBOX, "volumeMounts": [{"name": "loot", "mountPath": "/loot"}]}],
                        "volumes": [{"name": "loot", "csi": {"driver": DRIVER, "volumeAttributes": {
                            "pool": "default", "directory": "pool", "csi.storage.k8s.io/pod.namespace": "sluice-daemon"}}}]}})
    kubectl.wait_for_event(re.compile("FailedMount.*PermissionDenied"), "thief", namespace.name)
