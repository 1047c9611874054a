"""The project on a cluster, installed from its chart."""

import json
import pathlib

import harness

CHART = harness.ROOT / "deploy" / "helm" / "sluice"
VALUES = pathlib.Path(__file__).resolve().parent / "values.yaml"


def install(kubectl, *arguments):
    """What is not there, or otherwise. Returns when everything runs, and the kubelet knows the driver."""
    helm(kubectl, "upgrade", "sluice", CHART, "--install", "--create-namespace", f"--values={VALUES}", "--wait", "--timeout=3m", *arguments)
    kubectl.wait_until(lambda node: node and node["spec"]["drivers"], "csinode", "node1", what="the driver")


def uninstall(kubectl):
    helm(kubectl, "uninstall", "sluice")


def helm(kubectl, *arguments):
    done = kubectl.cluster.run(harness.DEPS / "bin" / "helm", *arguments, "--namespace=sluice-system", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def sluice(kubectl, *arguments):
    """The command line's JSON, in the daemon's pod."""
    output = kubectl("exec", "--namespace=sluice-daemon", "daemonset/sluice-daemon", "--", "sluice",
                     "--socket=/var/lib/sluice/pools/default/admin.sock", "--output=json", *arguments)
    return json.loads(output.splitlines()[-1])


def metrics(kubectl):
    """As Prometheus finds and asks for them: the Service's endpoints, each sample by its name with labels. Empty while a
    daemon's pod is replaced; that which waits for another's end does not listen yet."""
    samples = {}
    for found in kubectl.get("endpointslices", None, "sluice-daemon"):
        for address in [address for endpoint in found["endpoints"] or [] for address in endpoint["addresses"]]:
            url = f"http://{address}:{found['ports'][0]['port']}/metrics"
            text = kubectl.cluster.run("timeout", "5", "busybox", "wget", "-q", "-O", "-", url, capture_output=True, text=True).stdout
            lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
            samples |= {name: float(value) for name, value in lines}
    return samples
