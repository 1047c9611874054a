"""CSI as the kubelet uses it: conformance, idempotency, bad input, and what may stand in the way."""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import xml.etree.ElementTree

import grpc
import pytest

import harness

# What csi-sanity skips, and why that is right. Anything else that is skipped fails the test.
EXPECTED_SKIPS = {
    "snapshot": "a cache has no snapshots of its own",
    "source volume": "cloning is not advertised: volumes are views of a source",
    "expand": "expansion is not advertised: a volume has no size of its own",
    "attribute class": "ModifyVolume is not advertised",
    "modifyvolume": "ModifyVolume is not advertised",
    "controllerpublish": "ControllerPublish is not advertised: attachRequired is false",
    "controllerunpublish": "the same",
    "volume lifecycle": "the same: the life cycle of these two specs begins with ControllerPublish",
    "group": "no group controller is advertised",
    "single node multi writer": "SINGLE_NODE_MULTI_WRITER is not advertised: volumes are read-only",
    "health": "the health calls of specification 1.13 are not served: the condition comes with NodeGetVolumeStats",
    "controllergetvolume": "GET_VOLUME is not advertised",
    "when the last volume from a page is deleted": "csi-sanity itself has it as pending",
}


@pytest.fixture
def data(tmp_path_factory):
    directory = harness.new_directory("sluice-data-")
    (directory / "dir/below").mkdir(parents=True)
    (directory / "dir/below/file").write_text("text")
    (directory / "escape").symlink_to("/etc")
    yield directory
    shutil.rmtree(directory)


def code(call, *arguments):
    """The gRPC code name and message that a call fails with."""
    with pytest.raises(grpc.RpcError) as error:
        call(*arguments)
    return error.value.code().name, error.value.details()


def test_csi_sanity(make_plugin, data, tmp_path):
    plugin = make_plugin()
    parameters = tmp_path / "parameters.yaml"
    parameters.write_text(f"source: file://{data}\n")
    report = tmp_path / "report.xml"
    done = subprocess.run([harness.DEPS / "bin/csi-sanity", f"--csi.endpoint=unix://{plugin.endpoint}", f"--csi.mountdir={plugin.directory}/sanity-target",
                           f"--csi.stagingdir={plugin.directory}/sanity-staging", f"--csi.testvolumeparameters={parameters}",
                           f"--ginkgo.junit-report={report}"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:]
    ran = skipped = 0
    unexpected = []
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        status = case.get("status")
        name = case.get("name").lower()
        if status == "passed":
            ran += 1
        elif status in ("skipped", "pending"):
            skipped += 1
            if not any(reason in name for reason in EXPECTED_SKIPS):
                unexpected.append(case.get("name"))
    print(f"csi-sanity: {ran} ran, {skipped} skipped")
    assert unexpected == []
    assert ran >= 40


def test_every_node_can_serve_every_volume(plugin):
    """So nothing is said of topology: provisioning needs no look at nodes, and nodes get no label."""
    m = plugin.messages
    with plugin.channel() as channel:
        capabilities = plugin.stubs.IdentityStub(channel).GetPluginCapabilities(m.GetPluginCapabilitiesRequest()).capabilities
    assert [c.service.type for c in capabilities] == [m.PluginCapability.Service.CONTROLLER_SERVICE]
    node = plugin.node("NodeGetInfo", m.NodeGetInfoRequest())
    assert node.node_id == "node-1" and not node.HasField("accessible_topology")


def test_every_call_is_idempotent(plugin, data):
    context = {"source": f"file://{data}"}
    for _ in range(2):
        plugin.stage("idem", context)
    for _ in range(2):
        target = plugin.publish("idem", context)
    assert (target / "dir/below/file").read_text() == "text"
    mounts = [line for line in open("/proc/self/mountinfo") if str(target) in line]
    assert len(mounts) == 1
    for _ in range(2):
        plugin.unmount("idem")
    assert not target.exists()


def test_concurrent_calls_for_one_volume(plugin, data):
    context = {"source": f"file://{data}"}
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: plugin.stage("many", context), range(16)))
        list(pool.map(lambda i: plugin.publish("many", context, plugin.directory / f"target-many-{i % 4}"), range(16)))
    for i in range(4):
        assert (plugin.directory / f"target-many-{i}/dir/below/file").read_text() == "text"
        plugin.unpublish("many", plugin.directory / f"target-many-{i}")
    plugin.unmount("many")


def test_other_parameters_for_a_staged_volume(plugin, data):
    plugin.stage("params", {"source": f"file://{data}"})
    assert code(plugin.stage, "params", {"source": f"file://{data}/dir"})[0] == "ALREADY_EXISTS"
    plugin.unmount("params")


@pytest.mark.parametrize("context, words", [
    ({}, ["'source' is missing"]),
    ({"source": "bucket"}, ["not a URI", "s3://"]),
    ({"source": "s4://b"}, ["did you mean 's3'"]),
    ({"source": "s3://user:pw@b"}, ["no credentials"]),
    ({"source": "file:///tmp", "consistancy": "strong"}, ["did you mean 'consistency'"]),
    ({"source": "file:///tmp", "consistency": "imutable"}, ["did you mean 'immutable'"]),
    ({"source": "file:///tmp", "metadataTtl": "5"}, ["metadataTtl", "30s"]),
    ({"source": "file:///tmp", "blockSize": "3MiB"}, ["power of two"]),
    ({"source": "file:///tmp", "uid": "-1"}, ["uid"]),
    ({"source": "file:///tmp", "fileMode": "rw-r--r--"}, ["octal"]),
    ({"source": "file:///tmp", "pathStyle": "yes"}, ["true nor false"]),
    ({"source": "file:///tmp", "pool": "defalt"}, ["did you mean 'default'"]),
    ({"source": "file:///tmp", "subPath": "a/../.."}, ["'..'"]),
    ({"source": "file:///tmp", "subPath": "/etc"}, ["absolute"]),
    ({"source": "file:///tmp", "endpoint": "localhost:1"}, ["https://"]),
])
def test_bad_parameters(plugin, context, words):
    name, message = code(plugin.stage, "bad", context)
    assert name == "INVALID_ARGUMENT"
    for word in words:
        assert word in message


def test_bad_secrets_are_refused_and_never_shown(plugin):
    context = {"source": "s3://b", "endpoint": "http://127.0.0.1:1"}
    name, message = code(plugin.stage, "bad", context, {"accesKeyId": "hush-hush"})
    assert name == "INVALID_ARGUMENT" and "did you mean 'accessKeyId'" in message and "hush" not in message
    assert code(plugin.stage, "bad", context, {"accessKeyId": "hush-hush"})[0] == "INVALID_ARGUMENT"
    assert "hush" not in plugin.log()


@pytest.mark.parametrize("source, want", [
    ("file:///no/such/directory", "NOT_FOUND"),
    ("file:///root", "PERMISSION_DENIED"),
    ("file:///etc/passwd", "FAILED_PRECONDITION"),
    ("http://127.0.0.1:1/file", "UNAVAILABLE"),
])
def test_sources_that_cannot_be(plugin, source, want):
    os.chmod("/root", 0o700)
    assert code(plugin.stage, "nosource", {"source": source})[0] == want
    assert not any("nosource" in line for line in open("/proc/self/mountinfo"))


def test_bucket_and_credentials(plugin, s3, s3_volume):
    context, secrets = s3_volume("no-such-bucket")
    assert code(plugin.stage, "s", context, secrets)[0] == "NOT_FOUND"
    s3.bucket("there")
    context, secrets = s3_volume("there")
    name, message = code(plugin.stage, "s", context, {**secrets, "secretAccessKey": "wrong-" + harness.SECRET_KEY})
    assert name == "UNAUTHENTICATED" and "Secret" in message and harness.SECRET_KEY not in message
    assert code(plugin.stage, "s", context, {})[0] in ("PERMISSION_DENIED", "UNAUTHENTICATED")
    name, message = code(plugin.stage, "s", {**context, "source": "s3://there/typo"}, secrets)
    assert name == "NOT_FOUND" and "typo" in message


def test_sub_path(plugin, data):
    context = {"source": f"file://{data}", "subPath": "dir/below"}
    plugin.stage("sub", context)
    target = plugin.publish("sub", context)
    assert os.listdir(target) == ["file"]
    # Not through a symbolic link of the source, wherever it leads.
    assert code(plugin.publish, "sub", {**context, "subPath": "escape"}, plugin.directory / "t2")[0] in ("FAILED_PRECONDITION", "INVALID_ARGUMENT")
    assert code(plugin.publish, "sub", {**context, "subPath": "missing"}, plugin.directory / "t3")[0] == "NOT_FOUND"
    plugin.unmount("sub")


def test_mount_flags(plugin, data):
    context = {"source": f"file://{data}"}
    plugin.stage("flags", context)
    assert code(plugin.publish, "flags", context, None, ["noexce"]) == ("INVALID_ARGUMENT", "mount flag 'noexce' is not known (did you mean 'noexec'?)")
    target = plugin.publish("flags", context, None, ["noexec"])
    line = next(line for line in open("/proc/self/mountinfo") if str(target) in line)
    assert {"ro", "nosuid", "nodev", "noexec"} <= set(line.split()[5].split(","))
    plugin.unmount("flags")


def test_staging_path_in_use(plugin, data):
    staging = plugin.staging("busy")
    staging.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", staging], check=True)
    name, message = code(plugin.stage, "busy", {"source": f"file://{data}"})
    assert name == "FAILED_PRECONDITION" and "tmpfs" in message
    subprocess.run(["umount", staging], check=True)
    plugin.stage("busy", {"source": f"file://{data}"})
    plugin.unmount("busy")


def test_kernel_without_fuse(tmp_path, data):
    """The plugin in a mount namespace of its own whose /dev has no fuse."""
    directory = harness.new_directory()
    empty = directory / "dev"
    empty.mkdir()
    (directory / "config.yaml").write_text("pools: {default: {tiers: [{medium: ssd, quota: 64MiB}]}}")
    script = f"mount --bind {empty} /dev && exec {harness.BUILD}/bin/sluice-csi --endpoint unix://{directory}/csi.sock --node-id n --state-dir {directory}/state --config {directory}/config.yaml"
    process = harness.Process(["unshare", "-m", "sh", "-c", script], f"{directory}/plugin.log")
    plugin = harness.Plugin.__new__(harness.Plugin)
    plugin.directory, plugin.endpoint = directory, directory / "csi.sock"
    plugin.messages, plugin.stubs = harness.load_csi()
    try:
        harness.wait_until(plugin.ready, what="the plugin")
        name, message = code(plugin.stage, "v", {"source": f"file://{data}"})
        assert name == "FAILED_PRECONDITION" and "no FUSE" in message
    finally:
        process.stop()
        harness.remove_directory(directory)


def test_publish_without_stage(plugin, data):
    assert code(plugin.publish, "unstaged", {"source": f"file://{data}"})[0] == "FAILED_PRECONDITION"


def test_stats_and_condition(plugin, data):
    target = plugin.mount("stats", {"source": f"file://{data}"})
    m = plugin.messages
    stats = plugin.node("NodeGetVolumeStats", m.NodeGetVolumeStatsRequest(volume_id="stats", volume_path=str(target)))
    assert not stats.volume_condition.abnormal
    used = {usage.unit: usage.used for usage in stats.usage}
    assert used[m.VolumeUsage.INODES] > 0 and used[m.VolumeUsage.BYTES] >= 0
    plugin.unmount("stats")
    assert code(plugin.node, "NodeGetVolumeStats", m.NodeGetVolumeStatsRequest(volume_id="stats", volume_path=str(target)))[0] == "NOT_FOUND"


def test_second_plugin_on_the_socket(plugin):
    second = subprocess.run([harness.BUILD / "bin/sluice-csi", "--endpoint", f"unix://{plugin.endpoint}", "--node-id", "n", "--state-dir",
                             str(plugin.directory / "other")], capture_output=True, text=True, timeout=30)
    assert second.returncode == 1 and "another plugin serves" in second.stderr
    assert plugin.ready()


def test_stale_socket_file_is_replaced(make_plugin):
    plugin = make_plugin()
    plugin.process.process.kill()
    plugin.process.process.wait()
    assert plugin.endpoint.exists()
    plugin.start()


def test_paths_outside_the_kubelet_directory(make_plugin, data):
    inside = harness.new_directory("sluice-kubelet-")
    plugin = make_plugin(arguments=["--kubelet-dir", str(inside)])
    name, message = code(plugin.stage, "v", {"source": f"file://{data}"})
    assert name == "INVALID_ARGUMENT" and "--kubelet-dir" in message
    (inside / "link").symlink_to(plugin.directory)
    plugin.staging = lambda volume: inside / "link" / "staging"
    assert code(plugin.stage, "v", {"source": f"file://{data}"})[0] == "FAILED_PRECONDITION"
    plugin.staging = lambda volume: inside / "staging"
    plugin.stage("v", {"source": f"file://{data}"})
    harness.remove_directory(inside)


def test_a_kubelet_directory_that_is_a_link(make_plugin, data):
    """The kernel's mount table has the paths that are meant, not those that were given."""
    real = harness.new_directory("sluice-kubelet-")
    link = real.with_name(real.name + "-link")
    link.symlink_to(real)
    try:
        plugin = make_plugin(arguments=["--kubelet-dir", str(link)])
        plugin.staging = lambda volume: link / "staging"
        for _ in range(2):
            plugin.stage("v", {"source": f"file://{data}"})
            target = plugin.publish("v", {"source": f"file://{data}"}, link / "target")
        assert (target / "dir/below/file").read_text() == "text"
        below = [line for line in open("/proc/self/mountinfo") if str(real) in line]
        assert len(below) == 2, below
        plugin.unpublish("v", target)
        plugin.node("NodeUnstageVolume", plugin.messages.NodeUnstageVolumeRequest(volume_id="v", staging_target_path=str(link / "staging")))
        assert not [line for line in open("/proc/self/mountinfo") if str(real) in line]
    finally:
        link.unlink()
        harness.remove_directory(real)


@pytest.mark.parametrize("config, words", [
    ("pools: {default: {tires: []}}", ["config.yaml:1", "'tires'", "did you mean 'tiers'"]),
    ("pools:\n  default:\n    tiers:\n      - {medium: sdd, quota: 1GiB}", ["config.yaml:4", "medium", "did you mean 'ssd'"]),
    ("pools:\n  default:\n    tiers:\n      - {medium: ssd, quota: lots}", ["config.yaml:4", "quota", "512MiB"]),
    ("pools: [", ["config.yaml:"]),
    ("pools: {default: {policy: lru2}}", ["policy", "did you mean 'lru'"]),
    ("pools: {default: {tiers: [{medium: ssd, quota: 1GiB}, {medium: ssd, quota: 1GiB}]}}", ["second ssd tier"]),
])
def test_bad_configuration(tmp_path, config, words):
    file = tmp_path / "config.yaml"
    file.write_text(config)
    done = subprocess.run([harness.BUILD / "bin/sluice-csi", "--endpoint", f"unix://{tmp_path}/s", "--node-id", "n", "--state-dir", str(tmp_path / "state"),
                           "--config", str(file)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    for word in words:
        assert word in done.stderr


def test_tier_on_a_read_only_file_system(tmp_path):
    directory = harness.new_directory("sluice-ro-")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,mode=0777", "tmpfs", directory], check=True)
    try:
        test_tier_that_cannot_be_used(tmp_path, f"{{medium: ssd, path: {directory}, quota: 8MiB}}", [str(directory), "read-only"])
    finally:
        harness.remove_directory(directory)


@pytest.mark.parametrize("tier, words", [
    ("{medium: ssd, path: /no/such/path, quota: 1GiB}", ["/no/such/path", "No such file"]),
    ("{medium: ssd, quota: 4096TiB}", ["larger than its file system"]),
    ("{medium: hdd, path: /proc, quota: 8MiB}", ["/proc"]),
])
def test_tier_that_cannot_be_used(tmp_path, tier, words):
    """The daemon says why; the plugin is not ready, tells the reason to whoever stages, and lives."""
    directory = harness.new_directory()
    plugin = harness.Plugin.__new__(harness.Plugin)
    plugin.directory, plugin.state = directory, directory / "state"
    plugin.endpoint, plugin.config, plugin.arguments = directory / "csi.sock", directory / "config.yaml", []
    plugin.config.write_text(f"pools: {{default: {{tiers: [{tier}]}}}}")
    plugin.messages, plugin.stubs = harness.load_csi()
    process = harness.Process([harness.BUILD / "bin/sluice-csi", "--endpoint", f"unix://{plugin.endpoint}", "--node-id", "n", "--state-dir", str(plugin.state),
                               "--config", str(plugin.config)], f"{directory}/plugin.log")
    try:
        harness.wait_until(lambda: all(word in process.text() for word in words), what="the reason")
        assert not plugin.ready()
        assert process.process.poll() is None
    finally:
        process.stop()
        harness.remove_directory(directory)
