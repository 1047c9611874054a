"""What serves a volume is replaced under a pod that reads it all the time, and the pod notices nothing."""

import pytest

import dataset
import harness
import installation
from reader import reading

PLUGIN = ("sluice-system", "sluice-node")
DAEMON = ("sluice-daemon", "sluice-daemon")


@pytest.fixture
def reader(s3, kubectl, namespace):
    """Under `strong` each open asks the daemon, and it the source: no read is the page cache's alone."""
    bucket = s3.bucket(namespace.name)
    sums = dataset.fill(bucket)
    namespace.apply_volume("data", "keys", source=f"s3://{namespace.name}", endpoint=s3.url, consistency="strong")
    with reading(namespace, dataset.READ_ON, "data", sums, bucket) as reader:
        yield reader


def pod_of(kubectl, namespace, name):
    """The newest one of a DaemonSet."""
    pods = [pod for pod in kubectl.get("pods", None, namespace) if pod["metadata"]["labels"].get("app.kubernetes.io/name") == name]
    return max(pods, key=lambda pod: pod["metadata"]["creationTimestamp"])["metadata"]["name"]


def replaced(kubectl, workload, change):
    """Does it, and waits for another pod to serve."""
    before = pod_of(kubectl, *workload)
    change(before)
    harness.wait_until(lambda: pod_of(kubectl, *workload) != before, seconds=60, what="another pod")
    kubectl.wait_for_rollout("daemonset", workload[1], workload[0])
    harness.wait_until(lambda: answers(kubectl), seconds=60, what="the daemon")


def answers(kubectl):
    try:
        return installation.sluice(kubectl, "status")
    except Exception:
        return None


@pytest.mark.parametrize("how", [[], ["--force", "--grace-period=0"]], ids=["deleted", "forced"])
@pytest.mark.parametrize("workload", [PLUGIN, DAEMON], ids=["plugin", "daemon"])
def test_pod_deleted(kubectl, reader, workload, how):
    replaced(kubectl, workload, lambda pod: kubectl("delete", "pod", pod, f"--namespace={workload[0]}", *how))
    reader.goes_on()


@pytest.mark.parametrize("workload", [PLUGIN, DAEMON], ids=["plugin", "daemon"])
def test_rolled(kubectl, reader, workload):
    replaced(kubectl, workload, lambda _: kubectl("rollout", "restart", f"daemonset/{workload[1]}", f"--namespace={workload[0]}"))
    reader.goes_on()


def test_configuration_changed(kubectl, reader):
    """Another quota, as an administrator changes it: plugin and daemon take it over, one after the other."""
    def quota():
        return installation.metrics(kubectl).get('sluice_tier_quota_bytes{tier="dram"}')

    try:
        installation.install(kubectl, "--set=pools.default.configuration.tiers[0].quota=32MiB")
        harness.wait_until(lambda: quota() == 32 << 20, seconds=60, what="the quota")
        reader.goes_on()
    finally:
        installation.install(kubectl)
    harness.wait_until(lambda: quota() == 64 << 20, seconds=60, what="the old quota")


def test_daemon_that_does_not_answer(kubectl):
    """Its pod is not ready, so that a rollout would end there; it is ready again when it answers."""
    def is_ready():
        return kubectl.get("daemonset", "sluice-daemon", "sluice-daemon")["status"].get("numberReady") == 1

    def signal(name):  # the first process of the container cannot be stopped from within
        kubectl("exec", "--namespace=sluice-daemon", "daemonset/sluice-daemon", "--", "sh", "-c", f'for process in $(pidof sluiced); do [ $process = 1 ] || kill -{name} $process; done')

    assert is_ready()
    signal("STOP")
    try:
        harness.wait_until(lambda: not is_ready(), seconds=90, what="the pod that is not ready")
    finally:
        signal("CONT")
    harness.wait_until(is_ready, seconds=90, what="the pod that is ready")
