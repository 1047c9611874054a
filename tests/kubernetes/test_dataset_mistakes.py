"""What a new user gets wrong in a Dataset: most of it is refused when it is applied, the rest its status or its pod's
events say; with what would be right."""

import re

import pytest

import harness
import kubectl as kubectl_module
from test_fluid import make_dataset, wait_for_phase


def mount(changed):
    return changed["spec"]["mounts"][0]


def rename(options, old, new):
    options[new] = options.pop(old)


AT_APPLY = {
    "misspelled field": (lambda d: rename(mount(d), "mountPoint", "mountpoint"), r"unknown field .*mountpoint"),
    "misspelled option": (lambda d: rename(mount(d)["options"], "alluxio.underfs.s3.endpoint", "alluxio.underfs.s3.endpiont"), r"options.*endpiont.*alluxio.underfs.s3.endpoint"),
    "unknown scheme": (lambda d: mount(d).update(mountPoint="s4://bucket"), r"mountPoint.*s4.*s3"),
    "scheme without a client": (lambda d: mount(d).update(mountPoint="hdfs://name/path"), r"mountPoint.*hdfs.*S3"),
    "credentials in plain text": (lambda d: mount(d)["options"].update({"aws.secretKey": "hush"}), r"options.*aws.secretKey.*whoever may read this object reads it"),
    "two mounts at a path": (lambda d: d["spec"]["mounts"].append(mount(d) | {"name": "other"}), r"mounts\[1\].*path.*/"),
    "a quota without its unit": (lambda d: d["spec"].update(cache={"tiers": [{"medium": "SSD", "quota": "16GB"}]}), r"cache.tiers\[0\].quota.*16GB.*16G"),
    "an unknown medium": (lambda d: d["spec"].update(cache={"tiers": [{"medium": "NVME", "quota": "16Gi"}]}), r"medium.*NVME.*SSD"),
    "a size that is none": (lambda d: d["metadata"].update(annotations={"pvc.fluid.io/resources.requests.storage": "much"}), r"requests.storage.*much.*100Gi"),
    "a directory of the node": (lambda d: mount(d).update(mountPoint="local:///etc", options={}), r"mountPoint.*polic"),
}


@pytest.mark.parametrize("mistake", AT_APPLY)
def test_at_apply(s3, kubectl, namespace, mistake):
    change, pattern = AT_APPLY[mistake]
    wrong = make_dataset(s3, "any") | {"apiVersion": "data.fluid.io/v1alpha2"}
    change(wrong)
    wrong["metadata"]["namespace"] = namespace.name
    with pytest.raises(kubectl_module.Refused) as refused:
        kubectl("apply", "--warnings-as-errors", "--filename=-", documents=[wrong])
    assert re.search(pattern, str(refused.value), re.DOTALL), refused.value
    assert "hush" not in str(refused.value)


def ready_of(found):
    return next(condition for condition in found["status"]["conditions"] if condition["type"] == "Ready")


@pytest.fixture
def failed(kubectl, namespace):
    """Applies a Dataset that a pod wants; what its status says then."""
    def failed(document):
        namespace.apply(document)
        namespace.start("reader", "true", "demo")
        return ready_of(wait_for_phase(kubectl, namespace, "datasets", "demo", "Failed"))["message"]

    yield failed
    kubectl("delete", "pod/reader", f"--namespace={namespace.name}", "--ignore-not-found")


def test_wrong_bucket(s3, failed):
    assert re.search(r"no-such-bucket.*check the volume's source", failed(make_dataset(s3, "no-such-bucket")))


def test_wrong_endpoint(s3, failed):
    document = make_dataset(s3, "any")
    mount(document)["options"] = {"alluxio.underfs.s3.endpoint": "http://10.255.0.1:1"}
    assert re.search(r"10\.255\.0\.1:1.*check the address", failed(document))


def test_missing_secret(s3, kubectl, namespace):
    """Which only the kubelet looks for."""
    namespace.apply(make_dataset(s3, "any", secret="forgotten"))
    namespace.start("reader", "true", "demo")
    kubectl.wait_for_event(re.compile(r'FailedMount.*secrets? "forgotten" not found'), "reader", namespace.name)


def test_missing_key_of_the_secret(s3, kubectl, namespace):
    namespace.apply_secret("others", **{"accessKeyId": harness.ACCESS_KEY, "secretKey": harness.SECRET_KEY})
    namespace.apply(make_dataset(s3, "any", secret="others"))
    namespace.start("reader", "true", "demo")
    kubectl.wait_for_event(re.compile(r"FailedMount.*secretKey.*secretAccessKey"), "reader", namespace.name)


def test_quota_beyond_the_disk(s3, kubectl, namespace):
    """Is no error: it is as much as there is, and the node says so."""
    s3.bucket("beyond")
    document = make_dataset(s3, "beyond") | {"apiVersion": "data.fluid.io/v1alpha2"}
    document["spec"]["cache"] = {"tiers": [{"medium": "SSD", "quota": "8Ti"}]}
    namespace.apply(document)
    namespace.start("reader", "sleep 3600", "demo")
    handle = wait_for_phase(kubectl, namespace, "datasets", "demo", "Bound")["status"]["volume"]

    def says(node):
        return any(volume["id"] == handle and "the tier has 1.00 GiB here" in volume.get("message", "") for volume in node["status"].get("volumes", []))

    kubectl.wait_until(says, "nodecaches.sluice.csi.io", "node1", None, what="what the tier has")
