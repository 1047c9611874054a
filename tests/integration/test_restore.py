"""Plugin and daemon die together, as with their container: the next plugin mounts anew what was staged and published."""

import errno
import random
import time

import pytest

import harness

MIB = 1 << 20


def restart(plugin):
    plugin.kill_both()
    plugin.start()


def records(plugin):
    return list((plugin.state / "staged").rglob("*.json"))


def secrets_kept(plugin):
    return list(plugin.run.rglob("*.json"))


def options_of(path):
    return next(line.split()[5] for line in open("/proc/self/mountinfo") if line.split()[4] == str(path)).split(",")


@pytest.fixture
def bucket(s3):
    """300 KiB in a file and as much in a directory."""
    directory = s3.bucket("restored")
    want = random.Random(1).randbytes(300 << 10)
    (directory / "below").mkdir(exist_ok=True)
    (directory / "file").write_bytes(want)
    (directory / "below" / "file").write_bytes(want)
    return want


def test_pods_find_their_volume_again(make_plugin, bucket, s3_volume):
    plugin = make_plugin()
    context, secrets = s3_volume("restored")
    plugin.stage("v", context, secrets)
    whole = plugin.publish("v", context)
    part = plugin.publish("v", {**context, "subPath": "below"}, target=plugin.directory / "part", flags=["noexec"])
    assert (whole / "file").read_bytes() == bucket  # below/file is not cached: it takes the credentials
    plugin.kill_both()
    with pytest.raises(OSError) as lost:
        (part / "file").read_bytes()
    assert lost.value.errno in (errno.ENOTCONN, errno.ECONNABORTED)
    plugin.start()
    harness.wait_until(lambda: harness.readable(part / "file"), what="the volume")
    assert (part / "file").read_bytes() == bucket and (whole / "file").read_bytes() == bucket
    assert {"ro", "nosuid", "nodev", "noexec"} <= set(options_of(part)) and "noexec" not in options_of(whole)
    stats = plugin.node("NodeGetVolumeStats", plugin.messages.NodeGetVolumeStatsRequest(volume_id="v", volume_path=str(whole)))
    assert not stats.volume_condition.abnormal
    # As often as it happens; and it ends like any other volume.
    restart(plugin)
    harness.wait_until(lambda: harness.readable(part / "file"), what="the volume again")
    plugin.node("NodeUnpublishVolume", plugin.messages.NodeUnpublishVolumeRequest(volume_id="v", target_path=str(part)))
    plugin.unmount("v")
    assert not part.exists() and records(plugin) == [] and secrets_kept(plugin) == []


def test_the_source_is_away_meanwhile(make_plugin, bucket, s3, s3_volume):
    plugin = make_plugin()
    proxy = harness.FaultProxy(plugin.directory, s3.port)
    context, secrets = s3_volume("restored", consistency="immutable")
    path = plugin.mount("v", {**context, "endpoint": proxy.url}, secrets)
    plugin.sluice("prewarm", "v", "--wait")
    time.sleep(0.3)  # the index is committed behind it
    plugin.kill_both()
    proxy.stop()
    plugin.start()
    harness.wait_until(lambda: harness.readable(path / "file"), what="the volume")
    assert (path / "file").read_bytes() == bucket


def test_without_credentials_it_is_staged_again(make_plugin, bucket, s3_volume):
    """They are not kept where they could reach a disk."""
    plugin = make_plugin(run=harness.new_directory("sluice-test-run-"))
    context, secrets = s3_volume("restored")
    path = plugin.mount("v", context, secrets)
    restart(plugin)
    harness.wait_until(lambda: "it must be staged again" in plugin.log(), what="the reason in the log")
    assert not harness.readable(path / "file")
    stats = plugin.node("NodeGetVolumeStats", plugin.messages.NodeGetVolumeStatsRequest(volume_id="v", volume_path=str(path)))
    assert stats.volume_condition.abnormal
    plugin.stage("v", context, secrets)
    assert (path / "file").read_bytes() == bucket  # where it was published, too


def test_a_volume_that_is_unstaged_stays_so(make_plugin, bucket, s3_volume):
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("restored"))
    restart(plugin)
    plugin.unmount("v")
    restart(plugin)
    assert records(plugin) == [] and not harness.readable(path / "file")
    assert plugin.json("mounts").get("mounts", []) == []


def test_after_a_reboot_nothing_is_mounted(make_plugin, bucket, s3_volume):
    plugin = make_plugin()
    plugin.mount("v", *s3_volume("restored"))
    plugin.kill_both()
    harness.unmount_below(plugin.directory)
    plugin.start()
    assert records(plugin) == [] and secrets_kept(plugin) == []
    assert plugin.json("mounts").get("mounts", []) == []


def test_a_pod_that_went_meanwhile(make_plugin, bucket, s3_volume):
    plugin = make_plugin()
    context, secrets = s3_volume("restored")
    path = plugin.mount("v", context, secrets)
    gone = plugin.publish("v", context, target=plugin.directory / "gone")
    plugin.kill_both()
    harness.unmount_below(gone)
    gone.rmdir()
    plugin.start()
    harness.wait_until(lambda: harness.readable(path / "file"), what="the volume")
    assert not gone.exists()
    harness.wait_until(lambda: "gone" not in records(plugin)[0].read_text(), what="the record without it")
