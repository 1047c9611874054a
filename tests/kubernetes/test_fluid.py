"""Fluid's API on the real node: Datasets and DataLoads as Fluid's users write them."""

import pytest

import dataset
import harness
import kubectl as kubectl_module


def make_dataset(s3, bucket, name="demo", secret="keys"):
    """v1alpha1, with the credentials by reference."""
    return {"apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "metadata": {"name": name}, "spec": {"mounts": [{
        "mountPoint": f"s3://{bucket}", "name": "data", "path": "/", "options": {"alluxio.underfs.s3.endpoint": s3.url},
        "encryptOptions": [{"name": option, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
                           for option, key in {"aws.accessKeyId": "accessKeyId", "aws.secretKey": "secretAccessKey"}.items()]}]}}


def make_load(name="warm", **spec):
    return {"apiVersion": "data.fluid.io/v1alpha2", "kind": "DataLoad", "metadata": {"name": name}, "spec": {"dataset": {"name": "demo"}} | spec}


def wait_for_phase(kubectl, namespace, kind, name, phase):
    return kubectl.wait_until(lambda found: found and found.get("status", {}).get("phase") == phase, f"{kind}.data.fluid.io", name, namespace.name, what=phase)


def test_dataset(s3, kubectl, namespace):
    """A Dataset alone is enough; what pods have read shows in its status."""
    sums = dataset.fill(s3.bucket("fluid"))
    namespace.apply(make_dataset(s3, "fluid"))
    wait_for_phase(kubectl, namespace, "datasets", "demo", "Bound")
    namespace.start("reader", f"{dataset.READ} && exec sleep 3600", "demo", sums)

    def shows(found):
        cache = found["status"].get("cacheStates", {})
        return cache.get("cachedPercentage") == "100.0%" and found["status"]["fileNum"] == str(len(dataset.SIZES))

    kubectl.wait_until(shows, "datasets.v1alpha1.data.fluid.io", "demo", namespace.name, what="all of it is cached")
    assert namespace.log("reader").count(": OK") == len(dataset.SIZES)
    kubectl("delete", "datasets.data.fluid.io/demo", f"--namespace={namespace.name}", "--timeout=30s")  # before the pod
    kubectl("delete", "pod/reader", f"--namespace={namespace.name}")
    kubectl.wait_until_gone("pvc", "demo", namespace.name)
    kubectl.wait_until(lambda _: not [volume for volume in kubectl.get("pv", None, None) if volume["spec"]["claimRef"]["namespace"] == namespace.name],
                       "namespace", namespace.name, what="no PersistentVolume of it")


def test_load(s3, kubectl, namespace):
    """With a limit and progress, on a node where no pod has the volume yet; nothing of it stays but its status."""
    dataset.fill(s3.bucket("load"))
    namespace.apply(make_dataset(s3, "load"), make_load(bytesPerSecond="2Mi"))
    running = kubectl.wait_until(lambda found: 0 < found["status"].get("progress", {}).get("bytesDone", 0) < sum(dataset.SIZES),
                                 "dataloads.data.fluid.io", "warm", namespace.name, what="progress")
    assert running["status"]["phase"] == "Executing"
    ended = wait_for_phase(kubectl, namespace, "dataloads", "warm", "Complete")
    assert ended["status"]["progress"]["bytesDone"] == sum(dataset.SIZES)
    kubectl.wait_until(lambda _: not kubectl.get("pods", None, namespace.name), "namespace", namespace.name, what="no pods")


def test_wrong_keys(s3, kubectl, namespace):
    """The Dataset says what the server said, as soon as a pod wants it; and is well again when the keys are."""
    s3.bucket("wrong")
    namespace.apply_secret("others", accessKeyId=harness.ACCESS_KEY, secretAccessKey="nothing")
    namespace.apply(make_dataset(s3, "wrong", secret="others"))
    wait_for_phase(kubectl, namespace, "datasets", "demo", "Bound")
    namespace.start("reader", "true", "demo")
    failed = wait_for_phase(kubectl, namespace, "datasets", "demo", "Failed")
    ready = next(condition for condition in failed["status"]["conditions"] if condition["type"] == "Ready")
    assert ready["reason"] in ("Unauthenticated", "PermissionDenied") and "node1" in ready["message"], ready
    kubectl("delete", "pod/reader", f"--namespace={namespace.name}")


def test_refused_with_the_reason(s3, kubectl, namespace):
    wrong = make_dataset(s3, "any")
    wrong["spec"]["mounts"][0]["mountPoint"] = "hdfs://name/path"
    with pytest.raises(kubectl_module.Refused, match=r"spec.mounts\[0\].mountPoint.*hdfs"):
        namespace.apply(wrong)


def test_others_need_consent(s3, kubectl, make_namespace):
    owner, guest = make_namespace("-owner"), make_namespace("-guest")
    owner.apply_secret("keys", accessKeyId="any", secretAccessKey="any")
    owner.apply(make_dataset(s3, "shared"))
    borrowed = {"apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "metadata": {"name": "borrowed"},
                "spec": {"mounts": [{"mountPoint": f"dataset://{owner.name}/demo", "name": "it", "path": "/"}]}}
    with pytest.raises(kubectl_module.Refused, match="has not shared it"):
        guest.apply(borrowed)


def test_an_agent_writes_its_own_report_only(kubectl):
    """Whatever becomes of one node's daemon, it cannot speak for others."""
    other = {"apiVersion": "sluice.csi.io/v1alpha1", "kind": "NodeCache", "metadata": {"name": "another-node"}}
    with pytest.raises(kubectl_module.Refused, match="of its own node only"):
        kubectl("create", "--as=system:serviceaccount:sluice-daemon:sluice-daemon", "--as-user-extra=authentication.kubernetes.io/node-name=node1",
                "--filename=-", documents=[other])
