"""Native publish: a complete, immutable dataset is mounted for pods without FUSE, and depends on no process."""

import os
import random
import signal
import subprocess

import grpc
import pytest

import harness

MIB = 1 << 20


def fill(bucket, count=60, seed=1):
    choose = random.Random(seed)
    want = {f"d{i % 5}/e{i % 3}/file{i:03}": choose.randbytes(choose.choice([0, 1, 4096, 50_000, 3 * MIB])) for i in range(count)}
    for name, content in want.items():
        (bucket / name).parent.mkdir(parents=True, exist_ok=True)
        (bucket / name).write_bytes(content)
    return want


def mount_of(path):
    """The file system type and options of the topmost mount at a path."""
    line = [words for words in map(str.split, open("/proc/self/mountinfo")) if words[4] == str(path)][-1]
    return line[line.index("-") + 1], line[5].split(",")


def read_all(path):
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def attributes(path):
    return {str(file.relative_to(path)): (oct(st.st_mode), st.st_uid, st.st_gid, st.st_size if file.is_file() else 0, st.st_mtime_ns)
            for file in [path, *path.rglob("*")] for st in [file.stat()]}


@pytest.mark.parametrize("tier", ["dram", "ssd"])
def test_published_natively(make_plugin, s3, s3_volume, tier):
    want = fill(s3.bucket(f"native-{tier}"))
    plugin = make_plugin()
    context, secrets = s3_volume(f"native-{tier}", consistency="immutable", uid="1234", gid="2345", fileMode="0440", dirMode="0550")
    fuse = plugin.mount("v", context, secrets)
    assert mount_of(fuse)[0] == "fuse.sluice"  # nothing is cached yet
    plugin.sluice("prewarm", "v", "--tier", tier, "--publish-native", "--wait")
    assert "ready" in plugin.json("mounts")["mounts"][0]["native"]
    native = plugin.publish("v", context, target=plugin.directory / "native")
    kind, options = mount_of(native)
    assert kind == ("tmpfs" if tier == "dram" else mount_kind(plugin.state)) and {"ro", "nosuid", "nodev", "idmapped"} <= set(options)
    assert read_all(native) == read_all(fuse) == want
    assert attributes(native) == attributes(fuse)
    mount = plugin.json("mounts")["mounts"][0]
    assert mount["path"] == "native" and "mounted" in mount["native"]
    with pytest.raises(OSError):
        (native / "new").write_text("x")
    # Published again it is the same; in another place, too. Other pods may still come by FUSE.
    plugin.publish("v", context, target=native)
    other = plugin.publish("v", context, target=plugin.directory / "other")
    assert mount_of(other)[0] == kind and read_all(other) == want
    stats = plugin.node("NodeGetVolumeStats", plugin.messages.NodeGetVolumeStatsRequest(volume_id="v", volume_path=str(native)))
    assert "natively" in stats.volume_condition.message and not stats.volume_condition.abnormal
    assert {usage.unit for usage in stats.usage} == {1, 2} and stats.usage[0].total >= sum(map(len, want.values()))
    # Nothing of it can be evicted while somebody has it mounted.
    evicted = plugin.json("evict", "v")
    assert int(evicted["files_in_use"]) > 0 and read_all(native) == want
    for target in [native, other]:
        plugin.unpublish("v", target)
        assert not target.exists()
    assert "ready" in plugin.json("mounts")["mounts"][0]["native"]
    plugin.sluice("evict", "v")
    assert plugin.json("mounts")["mounts"][0]["native"] == ""
    assert read_all(fuse) == want  # fetched again
    plugin.unmount("v")


def test_a_tier_that_is_too_small_is_not_chosen(make_plugin, s3, s3_volume):
    """The most of the dataset is in memory, but not all of it can be."""
    bucket = s3.bucket("native-larger-than-memory")
    want = {f"f{i}": random.Random(i).randbytes(8 * MIB) for i in range(5)}
    for name, content in want.items():
        (bucket / name).write_bytes(content)
    plugin = make_plugin("pools: {default: {tiers: [{medium: dram, quota: 26MiB}, {medium: ssd, quota: 256MiB}]}}")
    context, secrets = s3_volume("native-larger-than-memory", consistency="immutable")
    plugin.stage("v", context, secrets)
    for name in ["f0", "f1", "f2"]:
        plugin.sluice("prewarm", "v", name, "--tier", "dram", "--wait")
    plugin.sluice("prewarm", "v", "--wait")
    assert 2 * plugin.metric('sluice_tier_used_bytes{tier="dram"}') > 40 * MIB
    native = plugin.publish("v", context)
    assert mount_of(native)[0] == mount_kind(plugin.state), plugin.log()
    assert read_all(native) == want


def mount_kind(path):
    return subprocess.run(["stat", "-f", "-c", "%T", path], check=True, capture_output=True, text=True).stdout.strip().replace("ext2/ext3", "ext4")


def test_it_needs_no_process_and_survives_all(make_plugin, s3, s3_volume):
    want = fill(s3.bucket("alone"))
    for i in range(12):
        (s3.bucket("other") / f"f{i}").write_bytes(random.Random(i).randbytes(8 * MIB))
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 128MiB}]}}")
    context, secrets = s3_volume("alone", consistency="immutable")
    plugin.stage("v", context, secrets)
    plugin.sluice("prewarm", "v", "--publish-native", "--wait")
    native = plugin.publish("v", context)
    plugin.stage("other", *s3_volume("other"))

    def crowd():
        """Reads more than there is room for."""
        for file in sorted(plugin.staging("other").iterdir()):
            assert len(file.read_bytes()) == 8 * MIB
            plugin.sluice("prewarm", "other", file.name, "--wait", check=False)
        assert read_all(native) == want

    crowd()
    old = plugin.daemon_pid()
    os.kill(old, signal.SIGSTOP)
    assert read_all(native) == want
    os.kill(old, signal.SIGKILL)
    harness.wait_until(lambda: plugin.daemon_pid() not in (None, old) and plugin.ready(), what="the next daemon")
    crowd()
    assert "mounted" in plugin.json("mounts")["mounts"][1 if plugin.json("mounts")["mounts"][0]["volume_id"] == "other" else 0]["native"]
    # Plugin and daemon both die: the tree is still mounted, and the next ones leave it alone.
    plugin.kill_both()
    assert read_all(native) == want
    plugin.start()
    plugin.stage("other", *s3_volume("other"))
    crowd()
    plugin.unpublish("v", native)
    assert not native.exists()


def test_what_stands_in_the_way(make_plugin, s3, s3_volume):
    bucket = s3.bucket("partial")
    fill(bucket, 20)
    plugin = make_plugin()
    context, secrets = s3_volume("partial", consistency="immutable", access="native")
    plugin.stage("v", context, secrets)
    with pytest.raises(grpc.RpcError) as refused:
        plugin.publish("v", context)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION and "listed" in refused.value.details()
    plugin.sluice("prewarm", "v", "d0", "--wait")
    plugin.sluice("prewarm", "v", "--publish-native", "--wait")
    native = plugin.publish("v", context)
    assert mount_of(native)[0] != "fuse.sluice"
    refusal = plugin.sluice("prewarm", "v", "d0", "--publish-native", check=False)
    assert refusal.returncode != 0 and "only all of a volume" in refusal.stderr
    with pytest.raises(grpc.RpcError) as refused:
        plugin.stage("w", {**context, "consistency": "strong"}, secrets)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "immutable" in refused.value.details()
    # Forbidden: by a profile of the user's choice.
    for access in ["large-files", "small-files"]:
        context, secrets = s3_volume("partial", consistency="immutable", access=access)
        path = plugin.mount(access, context, secrets)
        plugin.sluice("prewarm", access, "--publish-native", "--wait")
        assert mount_of(plugin.publish(access, context, target=plugin.directory / "again"))[0] == "fuse.sluice"
        assert mount_of(path)[0] == "fuse.sluice"
        plugin.unpublish(access, plugin.directory / "again")


def test_symbolic_links_stay_with_fuse(make_plugin):
    plugin = make_plugin()
    directory = harness.new_directory("sluice-links-")
    try:
        (directory / "file").write_text("text")
        os.symlink("/etc/passwd", directory / "link")
        context = {"source": f"file://{directory}", "consistency": "immutable"}
        plugin.stage("v", context)
        failed = plugin.sluice("prewarm", "v", "--publish-native", "--wait", check=False)
        assert failed.returncode != 0 and "symbolic link" in failed.stdout
        assert mount_of(plugin.publish("v", context))[0] == "fuse.sluice"
    finally:
        plugin.destroy()
        harness.remove_directory(directory)


def test_a_sub_path(make_plugin, s3, s3_volume):
    want = fill(s3.bucket("below"))
    plugin = make_plugin()
    context, secrets = s3_volume("below", consistency="immutable", subPath="d1/e1")
    plugin.stage("v", context, secrets)
    plugin.sluice("prewarm", "v", "--publish-native", "--wait")
    native = plugin.publish("v", context)
    assert mount_of(native)[0] != "fuse.sluice"
    assert read_all(native) == {name.removeprefix("d1/e1/"): content for name, content in want.items() if name.startswith("d1/e1/")}
    plugin.publish("v", context)
    plugin.unmount("v")


@pytest.mark.parametrize("evil", ["link", "fifo", "set-uid", "foreign", "directory-link"])
def test_a_tree_that_was_tampered_with(make_plugin, s3, s3_volume, evil):
    """What a daemon that was taken over could leave in its tree is not mounted."""
    fill(s3.bucket("evil"), 10)
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 128MiB}]}}")
    context, secrets = s3_volume("evil", consistency="immutable")
    plugin.stage("v", context, secrets)
    plugin.sluice("prewarm", "v", "--publish-native", "--wait")
    (tree,) = [entry for entry in (plugin.state / "pools/default/ssd/published").iterdir() if entry.is_dir()]
    os.chmod(tree / "d0", 0o755)
    at = tree / "d0" / "evil"
    owner = 60480
    if evil == "link":
        os.symlink("/etc/shadow", at)
    elif evil == "directory-link":
        os.symlink("/root", at, target_is_directory=True)
    elif evil == "fifo":
        os.mkfifo(at)
    elif evil == "set-uid":
        at.write_text("#!/bin/sh")
    else:
        at.write_text("root's own")
    if evil != "foreign":
        os.chown(at, owner, owner, follow_symlinks=False)
    if evil == "set-uid":
        os.chmod(at, 0o4755)
    path = plugin.publish("v", context)
    assert mount_of(path)[0] == "fuse.sluice"
    reason = {"set-uid": "set-uid", "foreign": "belongs to 0"}.get(evil, "neither a file nor a directory")
    assert f"cannot be published natively: /d0/evil {reason}" in plugin.log().replace("has a ", "").replace("is ", "")
    assert not (path / "d0" / "evil").exists()


def test_a_foreign_directory_in_place_of_the_tree(make_plugin, s3, s3_volume):
    """The tree is exchanged for a link to a directory of somebody else."""
    fill(s3.bucket("swap"), 10)
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 128MiB}]}}")
    context, secrets = s3_volume("swap", consistency="immutable")
    plugin.stage("v", context, secrets)
    plugin.sluice("prewarm", "v", "--publish-native", "--wait")
    (tree,) = [entry for entry in (plugin.state / "pools/default/ssd/published").iterdir() if entry.is_dir()]
    tree.rename(tree.with_suffix(".old"))
    os.symlink("/etc", tree)
    assert mount_of(plugin.publish("v", context))[0] == "fuse.sluice"
    tree.unlink()
    tree.mkdir()  # root's own
    plugin.unpublish("v", plugin.directory / "target-v")
    assert mount_of(plugin.publish("v", context))[0] == "fuse.sluice"
