"""The daemon in a pod of its own: which of both pods ends, and how, no reader notices; and what the plugin can do without."""

import os
import pathlib
import signal

import grpc
import pytest

import attached
import harness
import load
from test_native import attributes, fill, mount_of, read_all
from test_passthrough import PASSED, Stopped
from test_security import status_of

MIB = 1 << 20
SYS_ADMIN, SETGID, SETUID, SETFCAP = 21, 6, 7, 31  # linux/capability.h


@pytest.fixture
def make_attached():
    made = []

    def make(config=attached.CONFIG, arguments=()):
        made.append(attached.Plugin(harness.new_directory(), config, arguments))
        return made[-1]

    yield make
    for plugin in made:
        plugin.destroy()
        harness.remove_directory(plugin.directory)


def capabilities(pid, kind="CapEff"):
    mask = int(status_of(pid)[kind], 16)
    return {bit for bit in range(64) if mask >> bit & 1}


def restart_daemon(plugin, pod):
    os.kill(old := pod.daemon_pid(), signal.SIGKILL)
    harness.wait_until(lambda: pod.daemon_pid() not in (None, old), what="the next daemon")


def restart_pod(plugin, pod):
    pod.stop()
    plugin.start_pod()


def kill_pod(plugin, pod):
    pod.stop(signal.SIGKILL)
    plugin.start_pod()


def start_the_next_first(plugin, pod):
    """A rolling update with a surge: the next pod runs before the last one ends."""
    fresh = plugin.start_pod(wait=False)
    harness.wait_until(lambda: "waits for its end" in fresh.process.text(), what="the next pod's turn")
    pod.stop()


def restart_plugin(plugin, pod):
    plugin.stop()
    plugin.start()


def kill_plugin(plugin, pod):
    plugin.kill()
    plugin.start()


def replace_both(plugin, pod):
    """As an upgrade of the chart does, on each node at the same time: the daemon is told to end while there is no plugin."""
    old = plugin.daemon_pid()
    fresh = plugin.start_pod(wait=False)
    harness.wait_until(lambda: "waits for its end" in fresh.process.text(), what="the next pod's turn")
    plugin.stop()
    os.kill(pod.pids()[0], signal.SIGTERM)
    harness.wait_until(lambda: "sluiced waits for one" in pod.process.text(), what="the daemon that waits for a plugin")
    plugin.start()
    harness.wait_until(lambda: plugin.daemon_pid() not in (None, old), what="the next daemon")


def replace_both_daemon_first(plugin, pod):
    """The plugin is told to end while there is no daemon: it waits for the next one, and hands it all volumes."""
    old = pod.daemon_pid()
    pod.stop(signal.SIGKILL)
    harness.wait_until(lambda: not os.path.exists(f"/proc/{old}"), what="the daemon's end")
    plugin.process.process.send_signal(signal.SIGTERM)
    harness.wait_until(lambda: "this plugin waits for one" in plugin.log(), what="the plugin that waits for a daemon")
    plugin.start_pod(wait=False)
    plugin.process.process.wait(20)
    plugin.start()


def set_what_needs_a_start(plugin, pod):
    old = pod.daemon_pid()
    plugin.sluice("config", "set", f"source.deadline={old}s", "--restart")  # another one each time
    harness.wait_until(lambda: pod.daemon_pid() not in (None, old) and plugin.ready(), what="the next daemon")
    assert plugin.json("config", "show")["pending"] == []


@pytest.mark.parametrize("end", [restart_daemon, set_what_needs_a_start, restart_pod, kill_pod, start_the_next_first, restart_plugin, kill_plugin, replace_both, replace_both_daemon_first])
def test_readers_do_not_notice(make_attached, s3, s3_volume, end):
    bucket = f"attached-{end.__name__.replace('_', '-')}"
    want = load.large_files(s3.bucket(bucket), count=8)
    plugin = make_attached()
    plugin.start_pod()
    path = plugin.mount("v", *s3_volume(bucket))
    with open(path / "f00", "rb") as held, load.Apart(path, len(want)) as readers:
        for _ in range(3):
            before, pid = readers.reads, plugin.daemon_pid()
            end(plugin, plugin.pods[-1])
            harness.wait_until(plugin.ready, what="both")
            assert (plugin.daemon_pid() == pid) == (end in (restart_plugin, kill_plugin))
            harness.wait_until(lambda before=before: readers.reads > before + 20, what="reads after it")
        assert held.read() == want["f00"]
    assert readers.problems == []
    plugin.unmount("v")


def test_the_kernels_view(make_attached):
    plugin = make_attached()
    pod = plugin.start_pod()
    pid = plugin.process.process.pid
    assert capabilities(pid) == capabilities(pid, "CapPrm") == {SYS_ADMIN}
    assert capabilities(pid, "CapInh") == capabilities(pid, "CapAmb") == set()
    assert capabilities(pid, "CapBnd") <= {SYS_ADMIN} and status_of(pid)["NoNewPrivs"] == "1"
    listening = {fields[9] for kind in ["tcp", "tcp6", "udp", "udp6"] for fields in map(str.split, open(f"/proc/{pid}/net/{kind}"))}
    sockets = {os.readlink(f"/proc/{pid}/fd/{fd}").removeprefix("socket:[").rstrip("]") for fd in os.listdir(f"/proc/{pid}/fd")}
    assert not listening & sockets  # nothing of it is on the network
    writer = int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text())  # csi/owner_maps.h
    assert capabilities(writer) == {SETGID, SETUID, SETFCAP} and status_of(writer)["NoNewPrivs"] == "1"
    assert [os.readlink(f"/proc/{writer}/fd/{fd}").split(":")[0] for fd in sorted(map(int, os.listdir(f"/proc/{writer}/fd"))) if fd > 2] == ["socket"]
    for process in pod.pids():
        status = status_of(process)
        assert all(not capabilities(process, kind) for kind in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
        assert status["NoNewPrivs"] == "1" and set(status["Uid"].split()) == {str(attached.USER)}


def test_the_kernel_reads_by_itself(make_attached, s3, s3_volume):
    (s3.bucket("attached-whole") / "file").write_bytes(want := load.data(5 * MIB, 1))
    plugin = make_attached()
    plugin.start_pod()
    path = plugin.mount("v", *s3_volume("attached-whole", consistency="immutable"))
    for tier in ["dram", "ssd"]:
        plugin.sluice("prewarm", "v", "--tier", tier, "--wait")
        with open(path / "file", "rb", buffering=0) as f, Stopped(plugin):
            assert f.read(len(want)) == want
    assert plugin.metric(PASSED) == 2


def test_native_publish(make_attached, s3, s3_volume):
    want = fill(s3.bucket("attached-native"))
    plugin = make_attached()
    plugin.start_pod()
    context, secrets = s3_volume("attached-native", consistency="immutable", uid="1234", gid="2345", fileMode="0440", dirMode="0550")
    fuse = plugin.mount("v", context, secrets)
    plugin.sluice("prewarm", "v", "--tier", "ssd", "--publish-native", "--wait")
    native = plugin.publish("v", context, target=plugin.directory / "native")
    assert mount_of(native)[0] != "fuse.sluice"
    assert attributes(native) == attributes(fuse)
    for pod in plugin.pods:
        pod.stop(signal.SIGKILL)
    assert read_all(native) == want  # without anybody's help
    plugin.unpublish("v", native)


REFUSED = [
    ({"namespace": "tenant"}, grpc.StatusCode.PERMISSION_DENIED, "sluice-system/sluice-daemon"),
    ({"account": "default"}, grpc.StatusCode.PERMISSION_DENIED, "not of 'sluice-system/default'"),
    ({"directory": "hdd"}, grpc.StatusCode.INVALID_ARGUMENT, "has no 'hdd'"),
    ({"directory": "../.."}, grpc.StatusCode.INVALID_ARGUMENT, "has no '../..'"),
    ({"pool": "defualt"}, grpc.StatusCode.INVALID_ARGUMENT, "did you mean 'default'"),
    ({"source": "s3://bucket"}, grpc.StatusCode.INVALID_ARGUMENT, "PersistentVolumeClaim"),
]


@pytest.mark.parametrize("how, code, text", REFUSED)
def test_directories_are_for_the_daemons_pod(make_attached, how, code, text):
    plugin = make_attached()
    with pytest.raises(grpc.RpcError) as error:
        plugin.publish_directory(**{"directory": "pool", **how})
    assert error.value.code() == code and text in error.value.details()
    assert not [line for line in open("/proc/self/mountinfo") if f"{plugin.directory}/inline" in line]


def test_no_pod_gets_the_directories_of_a_daemon_that_the_plugin_starts(make_plugin):
    plugin = make_plugin()
    with pytest.raises(grpc.RpcError) as error:
        attached.Plugin.publish_directory(plugin, "pool")
    assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED


def test_what_a_pod_leaves_stays(make_attached):
    """An inline volume goes with its pod, and takes nothing along: the DRAM tier is mounted below it."""
    plugin = make_attached()
    target = plugin.publish_directory("pool")
    assert plugin.publish_directory("pool") == target  # again
    dram = plugin.state / "pools" / "default" / "dram"
    assert mount_of(dram)[0] == "tmpfs" and mount_of(target / "dram")[0] == "tmpfs"
    usage = plugin.node("NodeGetVolumeStats", plugin.messages.NodeGetVolumeStatsRequest(volume_id="csi-daemon-pool", volume_path=str(target)))
    assert usage.usage[0].total > 0
    plugin.unpublish("csi-daemon-pool", target)
    assert not target.exists()
    assert mount_of(dram)[0] == "tmpfs"
    config = plugin.publish_directory("config")
    assert "ro" in mount_of(config)[1] and (config / "default.yaml").exists()


def upgrade(plugin, *arguments, check=True):
    return plugin.sluice("upgrade", "--csi-socket", str(plugin.endpoint), *arguments, check=check)


def test_a_configuration_takes_effect(make_attached, s3, s3_volume):
    want = load.large_files(s3.bucket("attached-config"), count=4)
    plugin = make_attached()
    pod = plugin.start_pod()
    path = plugin.mount("v", *s3_volume("attached-config"))
    pid = pod.daemon_pid()
    plugin.config.write_text(attached.CONFIG.replace("1GiB", "2GiB"))
    with load.Apart(path, len(want)) as readers:
        assert "1 volumes" in upgrade(plugin).stdout
        assert pod.daemon_pid() not in (None, pid)
        assert "quota: 2048MiB" in plugin.sluice("config", "show").stdout
        # What the daemon cannot take is rolled back.
        plugin.config.write_text(attached.CONFIG + "    metrics: {listen: '192.0.2.1:9'}\n")
        failed = upgrade(plugin, "--deadline", "3", check=False)
        assert failed.returncode != 0 and "serves again" in failed.stderr
        assert "quota: 2048MiB" in plugin.sluice("config", "show").stdout
    assert readers.problems == []


def test_its_program_is_its_pods(make_attached):
    plugin = make_attached()
    plugin.start_pod()
    failed = upgrade(plugin, "--program", "/bin/true", check=False)
    assert failed.returncode != 0 and "image" in failed.stderr
