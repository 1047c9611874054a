"""A pod reads a bucket through a claim; every CSI call is the kubelet's, or the real provisioner's."""

import pytest

import dataset
import examples
import installation
from namespace import claim


def read_once(namespace, name, claim_name, sums):
    namespace.start(name, dataset.READ, claim_name, sums)
    code, restarts = namespace.wait_for_exit(name)
    assert (code, restarts) == (0, 0), namespace.log(name)
    return namespace.log(name)


def source_bytes(kubectl):
    return int(installation.sluice(kubectl, "stats")["source_read_bytes"])


def test_static_volume(s3, kubectl, namespace):
    sums = dataset.fill(s3.bucket("static"))
    namespace.apply_volume("data", "keys", source="s3://static", endpoint=s3.url)
    log = read_once(namespace, "first", "data", sums)
    assert log.count(": OK") == len(dataset.SIZES)
    # The bytes came once, through the cache, for the next pod as well.
    fetched = source_bytes(kubectl)
    assert fetched >= sum(dataset.SIZES)
    read_once(namespace, "second", "data", sums)
    assert source_bytes(kubectl) == fetched


def test_provisioned_volume(s3, kubectl, namespace):
    sums = dataset.fill(s3.bucket("provisioned"))
    storage_class = namespace.apply_class("class", "keys", source="s3://provisioned", endpoint=s3.url, consistency="immutable")
    namespace.apply(claim("data", storage_class))
    bound = kubectl.wait_until(lambda found: found["status"].get("phase") == "Bound", "pvc", "data", namespace.name, what="bound")
    read_once(namespace, "reader", "data", sums)
    volume = bound["spec"]["volumeName"]
    kubectl("delete", "pod/reader", "pvc/data", f"--namespace={namespace.name}", "--timeout=60s")
    kubectl.wait_until_gone("pv", volume)


@pytest.mark.parametrize("example", examples.ALL)
def test_example(s3, kubectl, example):
    examples.read(s3, kubectl, example)
