"""Deletion in every wrong order: pods read on for as long as they are there, and nothing is stuck in the end."""

import pytest

import dataset
import harness
import installation
from namespace import claim


@pytest.fixture
def volume(s3, namespace):
    """Of a pod that reads it; what its parameters are."""
    sums = dataset.fill(s3.bucket(namespace.name))
    parameters = {"source": f"s3://{namespace.name}", "endpoint": s3.url, "consistency": "strong"}
    return sums, parameters


def reads(namespace, kubectl, sums):
    """The pod finds every byte as it was."""
    log = kubectl("exec", "reader", f"--namespace={namespace.name}", "--", "env", *(f"{key}={value}" for key, value in sums.items()), "sh", "-c", dataset.READ)
    return log.count(": OK") == len(dataset.SIZES)


def start_reader(namespace):
    namespace.start("reader", "sleep 3600", "data")
    namespace.wait_for_phase("reader", "Running")


def test_volume_before_claim_before_pod(kubectl, namespace, volume):
    sums, parameters = volume
    namespace.apply_volume("data", "keys", **parameters)
    start_reader(namespace)
    kubectl("delete", "pv", f"{namespace.name}-data", "--wait=false")
    kubectl("delete", "pvc", "data", f"--namespace={namespace.name}", "--wait=false")
    assert reads(namespace, kubectl, sums)
    kubectl("delete", "pod", "reader", f"--namespace={namespace.name}", "--timeout=60s")
    kubectl.wait_until_gone("pvc", "data", namespace.name)
    kubectl.wait_until_gone("pv", f"{namespace.name}-data")


def test_class_and_secret_before_pod(kubectl, namespace, volume):
    sums, parameters = volume
    storage_class = namespace.apply_class("class", "keys", **parameters)
    namespace.apply(claim("data", storage_class))
    start_reader(namespace)
    name = kubectl.get("pvc", "data", namespace.name)["spec"]["volumeName"]
    kubectl("delete", "storageclass", storage_class)
    kubectl("delete", "secret", "keys", f"--namespace={namespace.name}")
    assert reads(namespace, kubectl, sums)
    kubectl("delete", "pod/reader", "pvc/data", f"--namespace={namespace.name}", "--timeout=60s")
    kubectl.wait_until_gone("pv", name)


def test_bucket_before_pod(s3, kubectl, namespace, volume):
    _, parameters = volume
    namespace.apply_volume("data", "keys", **parameters)
    start_reader(namespace)
    harness.shutil.rmtree(s3.bucket(namespace.name))
    kubectl("delete", "pod", "reader", f"--namespace={namespace.name}", "--timeout=60s")


def test_plugin_before_pod(kubectl, namespace, volume):
    """Without it the kubelet can unmount nothing. The daemon serves on, and the next plugin finishes what was begun."""
    sums, parameters = volume
    namespace.apply_volume("data", "keys", **parameters)
    start_reader(namespace)
    kubectl("delete", "daemonset", "sluice-node", "--namespace=sluice-system", "--cascade=foreground", "--timeout=60s")
    try:
        assert reads(namespace, kubectl, sums)
        kubectl("delete", "pod", "reader", f"--namespace={namespace.name}", "--wait=false")
    finally:
        installation.install(kubectl)
    kubectl.wait_until_gone("pod", "reader", namespace.name, seconds=180)
