"""The chart, without a cluster: what it renders, refuses, and says of metrics."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

import harness

CHART = harness.ROOT / "deploy" / "helm" / "sluice"
METRICS = set(re.findall(r"`(sluice_\w+)`", (harness.ROOT / "docs/metrics.md").read_text()))
ALERTS = yaml.safe_load((CHART / "files/alerts.yaml").read_text())["groups"][0]["rules"]


def helm(*arguments):
    return subprocess.run([harness.DEPS / "bin" / "helm", *map(str, arguments)], capture_output=True, text=True, check=False)


def render(*arguments):
    done = helm("template", "sluice", CHART, "--namespace=sluice-system", *arguments)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def one(documents, kind, name):
    found = [document for document in documents if (document["kind"], document["metadata"]["name"]) == (kind, name)]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def metrics_of(expression):
    names = re.findall(r"\bsluice_\w+", expression)
    return {re.sub("_(bucket|sum|count)$", "", name) for name in names}


def test_manifests_are_rendered(tmp_path):
    """By deploy/render, after whatever changed."""
    subprocess.run([harness.ROOT / "deploy/render", tmp_path], check=True)
    for name in ["crds.yaml", "sluice.yaml"]:
        assert (tmp_path / name).read_text() == (harness.ROOT / "deploy/kubernetes" / name).read_text(), "run deploy/render"


def test_versions_agree():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == harness.version()


def test_lint():
    done = helm("lint", "--strict", CHART)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("setting, said", [
    ("pool.default.userId=1", "pool"),  # a name that does not exist
    ("pools.default.userID=1", "userID"),
    ("pools.default.userId=0", "minimum"),
    ("pools.default.configuration.tiers[0].quota=4G", "quota"),
    ("pools.default.configuration.tiers[0].medium=nvme", "medium"),
    ("pools.default.configuration.uid=5", "uid"),
    ("pools.A_B.userId=1", "pools"),
    ("daemonNamespace=Sluice", "daemonNamespace"),
    ("kubeletDirectory=var/lib/kubelet", "kubeletDirectory"),
    ("daemon.seccompProfile.type=Unconfined", "seccompProfile"),
    ("controller.replicas=0", "replicas"),
])
def test_wrong_values_are_refused(setting, said):
    done = helm("template", "sluice", CHART, "--set", setting)
    assert done.returncode != 0
    assert said in done.stderr


def test_second_pool():
    """A daemon, a service account, a user and metrics of its own."""
    documents = render("--set-json", 'pools.tenant={"userId": 60481, "configuration": {"tiers": [{"medium": "ssd", "quota": "1GiB"}]}, '
                                     '"resources": {"requests": {"memory": "1Gi"}}}')
    pod = one(documents, "DaemonSet", "sluice-daemon-tenant")["spec"]["template"]["spec"]
    assert (pod["serviceAccountName"], pod["securityContext"]["runAsUser"]) == ("sluice-daemon-tenant", 60481)
    assert {volume["csi"]["volumeAttributes"]["pool"] for volume in pod["volumes"] if "csi" in volume} == {"tenant"}
    one(documents, "Service", "sluice-daemon-tenant")
    configuration = yaml.safe_load(one(documents, "ConfigMap", "sluice-config")["data"]["config.yaml"])["pools"]
    assert configuration["tenant"]["attached"] == {"namespace": "sluice-daemon", "serviceAccount": "sluice-daemon-tenant"}
    assert configuration["default"]["attached"]["serviceAccount"] == "sluice-daemon"
    assert configuration["tenant"]["uid"] == 60481


def test_selectors_find_their_pods():
    """Of Services, PodDisruptionBudgets and NetworkPolicies: an object that selects nothing says nothing."""
    documents = render()
    pods = [(workload["metadata"]["namespace"], workload["spec"]["template"]["metadata"]["labels"]) for workload in documents
            if workload["kind"] in ("DaemonSet", "Deployment")]
    checked = 0
    for document in documents:
        spec = document.get("spec", {})
        if document["kind"] == "Service":
            selector = spec["selector"]
        elif document["kind"] in ("PodDisruptionBudget", "NetworkPolicy"):
            selector = (spec.get("selector") or spec.get("podSelector")).get("matchLabels", {})
        else:
            continue
        checked += 1
        assert any(namespace == document["metadata"]["namespace"] and selector.items() <= labels.items() for namespace, labels in pods), document["metadata"]
    assert checked >= 6


def test_configuration_rolls_the_plugin():
    def checksum(*arguments):
        return one(render(*arguments), "DaemonSet", "sluice-node")["spec"]["template"]["metadata"]["annotations"]["checksum/configuration"]

    assert checksum() == checksum("--set", "controller.replicas=1")
    assert checksum() != checksum("--set", "pools.default.configuration.policy=lru")


def test_alerts(tmp_path):
    shutil.copy(CHART / "files/alerts.yaml", tmp_path)
    shutil.copy(pathlib.Path(__file__).parent / "alerts_test.yaml", tmp_path)
    for arguments in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]):
        done = subprocess.run([harness.DEPS / "bin" / "promtool", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested():
    """That it comes, and that it does not come when all is in order."""
    quiet, _ = yaml.safe_load((pathlib.Path(__file__).parent / "alerts_test.yaml").read_text())["tests"]
    names = {rule["alert"] for rule in ALERTS}
    assert {case["alertname"] for case in quiet["alert_rule_test"]} == names
    text = (pathlib.Path(__file__).parent / "alerts_test.yaml").read_text()
    assert set(re.findall(r'ALERTS\{alertname="(\w+)"', text)) == names


def test_alerts_and_dashboard_name_metrics_that_exist():
    dashboard = json.loads((CHART / "files/dashboard.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]] + [rule["expr"] for rule in ALERTS]
    unknown = {name for expression in expressions for name in metrics_of(expression)} - METRICS
    assert not unknown
    assert all("sluice_" in expression or "up{" in expression for expression in expressions)


def test_objects_of_prometheus_and_grafana():
    documents = render("--set", "metrics.serviceMonitor.create=true,metrics.rules.create=true,metrics.dashboard.create=true")
    assert one(documents, "PrometheusRule", "sluice")["spec"]["groups"][0]["rules"] == ALERTS
    assert json.loads(one(documents, "ConfigMap", "sluice-dashboard")["data"]["sluice.json"])["title"] == "Sluice"
    for monitor, service in [("sluice-daemon", "sluice-daemon"), ("sluice-operator", "sluice-operator-metrics")]:
        selector = one(documents, "ServiceMonitor", monitor)["spec"]["selector"]["matchLabels"]
        assert selector.items() <= one(documents, "Service", service)["metadata"]["labels"].items()
        assert one(documents, "ServiceMonitor", monitor)["metadata"]["namespace"] == one(documents, "Service", service)["metadata"]["namespace"]
