"""Manifests of Fluid's users, applied unchanged: all of them are taken, and come to what they are for."""

import pathlib

import pytest
import yaml

import kubectl as kubectl_module

MANIFESTS = pathlib.Path(__file__).resolve().parent / "manifests"
PHASES = {("datasets", "train-set"): "Bound", ("datasets", "models"): "Bound", ("alluxioruntimes", "train-set"): "Ready",
          ("cacheruntimes", "models"): "Ready", ("thinruntimes", "home"): "NotReady", ("dataloads", "warm"): ""}


@pytest.fixture
def teams(kubectl):
    """The namespaces that stand in the manifests, and the Secret."""
    names = ["ml", "team-b"]
    kubectl.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names] + [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3cred", "namespace": "ml"}, "stringData": {"ak": "any", "sk": "any"}}])
    kubectl.wait_until(bool, "serviceaccount", "default", "ml")
    yield names
    kubectl("delete", "--ignore-not-found", "--wait=false", f"--filename={MANIFESTS / 'typical.yaml'}")
    kubectl("delete", "namespace", *names, "--wait=false")
    for name in names:
        kubectl.wait_until_gone("namespace", name, seconds=120)


def test_typical(kubectl, teams):
    documents = list(yaml.safe_load_all((MANIFESTS / "typical.yaml").read_text()))
    kubectl.apply([document for document in documents if document["kind"] != "Pod"])  # whose mount would fail: no server is at these addresses
    for (kind, name), phase in PHASES.items():
        kubectl.wait_until(lambda found: found and found.get("status", {}).get("phase", "") == phase, f"{kind}.v1alpha2.data.fluid.io", name, "ml", what=phase or "None")
    kubectl("apply", f"--filename={MANIFESTS / 'typical.yaml'}")  # again, with the pod
    load = kubectl.get("dataloads.v1alpha1.data.fluid.io", "warm", "ml")
    assert load["spec"]["target"] == [{"path": "/model", "replicas": 2}] and load["spec"]["schedule"] == "0 3 * * *"
    # Nothing holds its data yet: a requirement would keep it from every node.
    trainer = kubectl.get("pod", "trainer", "ml")
    assert trainer["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == "train-set"
    volume = kubectl.get("pv", kubectl.get("pvc", "train-set", "ml")["spec"]["volumeName"], None)["spec"]["csi"]
    assert volume["nodeStageSecretRef"] == {"name": "s3cred", "namespace": "ml"}


def test_shared(kubectl, teams):
    """What Fluid gives to anybody here needs the owner's word; with it the manifest is taken as it is."""
    kubectl("apply", f"--filename={MANIFESTS / 'typical.yaml'}")
    with pytest.raises(kubectl_module.Refused, match="has not shared it"):
        kubectl("apply", f"--filename={MANIFESTS / 'shared.yaml'}")
    kubectl("patch", "datasets.v1alpha2.data.fluid.io/train-set", "--namespace=ml", "--type=merge", '--patch={"spec": {"sharing": {"namespaces": ["team-b"]}}}')
    kubectl("apply", f"--filename={MANIFESTS / 'shared.yaml'}")
    kubectl.wait_until(lambda found: found and found.get("status", {}).get("phase") == "Bound", "datasets.v1alpha1.data.fluid.io", "train-set", "team-b", what="Bound")
