"""Fixtures: one cluster for all tests, with the project installed from deploy/, and a real S3 server on its node."""

import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import harness
import installation
from cluster import ADDRESS, Cluster
from kubectl import Kubectl
from namespace import DRIVER, Namespace


class S3(harness.S3Server):
    """On the node's address: pods and the node reach it, this machine does not."""

    def __init__(self, directory, cluster):
        self.cluster = cluster
        super().__init__(directory, address=ADDRESS, within=cluster.enter("net"))

    def answers(self):
        return self.cluster.run("busybox", "wget", "-q", "-O", "/dev/null", f"{self.url}/healthz", stderr=subprocess.DEVNULL).returncode == 0


@pytest.fixture(scope="session")
def bare_cluster():
    cluster = Cluster()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def s3(bare_cluster):
    directory = harness.new_directory("sluice-s3-")
    server = S3(directory, bare_cluster)
    yield server
    server.stop()
    harness.remove_directory(directory)


@pytest.fixture(scope="session")
def cluster(bare_cluster):
    installation.install(Kubectl(bare_cluster))
    return bare_cluster


@pytest.fixture(scope="session")
def kubectl(cluster):
    return Kubectl(cluster)


@pytest.fixture(scope="session")
def namespaces(kubectl):
    """All that tests made. None may be stuck in the end, nor a mount of the driver's."""
    made = []
    yield made
    for namespace in made:
        namespace.wait_until_gone()
    mounts = kubectl.cluster.run("cat", "/proc/self/mounts", capture_output=True, text=True).stdout
    assert f"/plugins/kubernetes.io/csi/{DRIVER}" not in mounts


@pytest.fixture
def make_namespace(kubectl, namespaces, request):
    """By a suffix to the name that it has from the test."""
    made = []

    def make(suffix=""):
        name = re.sub("[^a-z0-9]+", "-", request.node.name.removeprefix("test_")).strip("-") + suffix
        made.append(Namespace(kubectl, name))
        return made[-1]

    yield make
    namespaces.extend(made)
    for namespace in made:
        namespace.destroy()


@pytest.fixture
def namespace(make_namespace):
    """Named like the test, with the S3 server's keys in a Secret."""
    namespace = make_namespace()
    namespace.apply_secret("keys", accessKeyId=harness.ACCESS_KEY, secretAccessKey=harness.SECRET_KEY)
    return namespace


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failure comes with what a person would look at first."""
    report = (yield).get_result()
    if not report.failed or "kubectl" not in item.funcargs:
        return
    kubectl = item.funcargs["kubectl"]
    for title, arguments in {"pods": ["get", "pods,pvc,pv", "--all-namespaces", "--output=wide"],
                             "events": ["get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"],
                             "plugin": ["logs", "--namespace=sluice-system", "--selector=app.kubernetes.io/name=sluice-node", "--tail=30"],
                             "daemon": ["logs", "--namespace=sluice-daemon", "--selector=app.kubernetes.io/name=sluice-daemon", "--tail=30"]}.items():
        done = kubectl.cluster.run("hyperkube", "kubectl", *arguments, capture_output=True, text=True)
        report.sections.append((title, (done.stdout + done.stderr)[-6000:]))
