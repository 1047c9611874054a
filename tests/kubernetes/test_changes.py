"""What changes under a pod that reads: it notices nothing, but what it was to."""

import pytest

import dataset
import harness
import installation
from reader import reading
from test_fluid import make_load, wait_for_phase

KIND = "datasets.v1alpha2.data.fluid.io"


def make(s3, mounts):
    """Of several buckets, each at its path, with keys whose names are somebody's own."""
    keys = [{"name": option, "valueFrom": {"secretKeyRef": {"name": "store", "key": key}}}
            for option, key in {"aws.accessKeyId": "store.id", "aws.secretKey": "store.key"}.items()]
    return {"apiVersion": "data.fluid.io/v1alpha2", "kind": "Dataset", "metadata": {"name": "demo"}, "spec": {
        "volume": {"consistency": "strong"},
        "mounts": [{"mountPoint": f"s3://{bucket}", "name": path.strip("/"), "path": path, "options": {"endpoint": s3.url}, "encryptOptions": keys}
                   for path, bucket in mounts.items()]}}


@pytest.fixture
def buckets(s3, namespace):
    """Two; the sums of what is in the first."""
    first, second = s3.bucket(f"{namespace.name}-1"), s3.bucket(f"{namespace.name}-2")
    (second / "only").write_text("second")
    namespace.apply_secret("store", **{"store.id": harness.ACCESS_KEY, "store.key": harness.SECRET_KEY})
    return first, second, dataset.fill(first)


@pytest.fixture
def reader(s3, namespace, buckets):
    first, second, sums = buckets
    namespace.apply(make(s3, {"/train": first.name}))
    with reading(namespace, f"cd train && {dataset.READ_ON}", "demo", sums, first) as reader:
        yield reader


def shows(kubectl, namespace, path):
    """What the pod sees there; None when it is not there."""
    try:
        return kubectl("exec", "reader", f"--namespace={namespace.name}", "--", "cat", f"/data/{path}")
    except Exception:
        return None


def applied(kubectl, namespace):
    """Every node has what the Dataset says now."""
    def holds(found):
        condition = next((one for one in found["status"].get("conditions", []) if one["type"] == "Applied"), {})
        return condition.get("reason") == "InForce" and condition.get("observedGeneration") == found["metadata"]["generation"]

    kubectl.wait_until(holds, KIND, "demo", namespace.name, what="in force")


def test_a_mount_is_added_and_removed(s3, kubectl, namespace, buckets, reader):
    first, second, _ = buckets
    assert shows(kubectl, namespace, "eval/only") is None
    namespace.apply(make(s3, {"/train": first.name, "/eval": second.name}))
    applied(kubectl, namespace)
    assert shows(kubectl, namespace, "eval/only") == "second"
    reader.goes_on()
    namespace.apply(make(s3, {"/train": first.name}))
    applied(kubectl, namespace)
    assert shows(kubectl, namespace, "eval/only") is None


def test_a_change_that_cannot_be_says_so_and_changes_nothing(s3, kubectl, namespace, buckets, reader):
    first, second, _ = buckets
    namespace.apply(make(s3, {"/train": first.name, "/eval": "no-such-bucket-at-all"}))

    def says(found):
        condition = next((one for one in found["status"].get("conditions", []) if one["type"] == "Applied"), {})
        return condition.get("reason") == "NodesFail" and "no-such-bucket-at-all" in condition["message"]

    kubectl.wait_until(says, KIND, "demo", namespace.name, what="what is wrong")
    reader.goes_on()
    namespace.apply(make(s3, {"/train": first.name, "/eval": second.name}))
    applied(kubectl, namespace)
    assert shows(kubectl, namespace, "eval/only") == "second"


def test_a_change_holds_for_pods_to_come_and_new_daemons(s3, kubectl, namespace, buckets, reader):
    first, second, _ = buckets
    namespace.apply(make(s3, {"/train": first.name, "/eval": second.name}))
    applied(kubectl, namespace)
    kubectl("rollout", "restart", "daemonset/sluice-daemon", "--namespace=sluice-daemon")
    kubectl.wait_for_rollout("daemonset", "sluice-daemon", "sluice-daemon")
    assert shows(kubectl, namespace, "eval/only") == "second"
    namespace.start("later", "cat eval/only", "demo")
    assert namespace.wait_for_exit("later") == (0, 0)
    assert namespace.log("later") == "second"


def test_tiers_change(kubectl, reader):
    """By the CachePool, which is for all nodes: another quota, and back to what the chart says."""
    def quota():
        return installation.metrics(kubectl).get('sluice_tier_quota_bytes{tier="dram"}')

    assert quota() == 64 << 20
    kubectl.apply([{"apiVersion": "sluice.csi.io/v1alpha1", "kind": "CachePool", "metadata": {"name": "default"},
                    "spec": {"policy": "lru", "tiers": [{"medium": "dram", "quota": "32Mi", "highWatermark": 80, "lowWatermark": 60}]}}])
    try:
        harness.wait_until(lambda: quota() == 32 << 20, seconds=60, what="the quota")
        reader.goes_on()
        kubectl.wait_until(lambda pool: pool["status"].get("configured") == 1, "cachepools.sluice.csi.io", "default", None, what="configured")
    finally:
        kubectl("delete", "cachepool/default")
    harness.wait_until(lambda: quota() == 64 << 20, seconds=60, what="the old quota")


def test_limits_change(s3, kubectl, namespace, buckets, reader):
    first, _, _ = buckets
    limited = make(s3, {"/train": first.name})
    limited["spec"]["cache"] = {"tiers": [{"medium": "SSD", "quota": "8Mi"}]}
    namespace.apply(limited)
    applied(kubectl, namespace)
    volume = next(mount for mount in installation.sluice(kubectl, "mounts")["mounts"]
                  if mount["volume_id"] == kubectl.get("pvc", "demo", namespace.name)["spec"]["volumeName"])
    assert volume["limits"]["ssd"]["quota_bytes"] == str(8 << 20)


def test_load_goes_on_after_restarts(s3, kubectl, namespace, buckets):
    """Of daemon and operator, in the middle of it."""
    first, _, _ = buckets
    namespace.apply(make(s3, {"/train": first.name}), make_load(bytesPerSecond="1Mi"))

    def progress(found):
        return found["status"].get("progress", {}).get("bytesDone", 0)

    before = progress(kubectl.wait_until(progress, "dataloads.data.fluid.io", "warm", namespace.name, what="progress"))
    kubectl("rollout", "restart", "daemonset/sluice-daemon", "--namespace=sluice-daemon")
    kubectl("rollout", "restart", "deployment/sluice-operator", "--namespace=sluice-system")
    kubectl.wait_for_rollout("daemonset", "sluice-daemon", "sluice-daemon")
    kubectl.wait_for_rollout("deployment", "sluice-operator", "sluice-system")
    kubectl.wait_until(lambda found: progress(found) > before, "dataloads.data.fluid.io", "warm", namespace.name, what="more progress")
    ended = wait_for_phase(kubectl, namespace, "dataloads", "warm", "Complete")
    assert progress(ended) == sum(dataset.SIZES)
