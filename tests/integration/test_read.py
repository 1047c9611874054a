"""The main job: a pod's volume, read cold and warm, byte for byte."""

import errno
import filecmp
import os
import pathlib
import random
import subprocess

import pytest

import harness

MIB = 1 << 20


def write_random(path, size, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(random.Random(seed).randbytes(size))


def trees_differ(left, right):
    done = subprocess.run(["diff", "-r", "--no-dereference", str(left), str(right)], capture_output=True, text=True, errors="replace")
    return (done.stdout + done.stderr)[:2000]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    for path in [root, *root.parents]:
        if str(path).startswith("/tmp/pytest"):
            path.chmod(0o755)
    write_random(root / "big.bin", 40 * MIB + 12345, 1)
    write_random(root / "exact.bin", 4 * MIB, 2)
    (root / "empty").write_bytes(b"")
    for i in range(200):
        write_random(root / f"small/{i % 7}/file{i}.txt", i * 37, i)
    (root / "odd").mkdir()
    for name in ["with blank", "ünïcode", "plus+amp&eq=", "percent%41", "hash#q?", "quote'\"", "new\nline", "tilde~"]:
        (root / "odd" / name).write_text(name)
    return root


@pytest.fixture(scope="module")
def bucket(s3, tree):
    import shutil

    shutil.copytree(tree, s3.bucket("tree"), dirs_exist_ok=True)
    return "tree"


@pytest.mark.parametrize("consistency", ["immutable", "eventual", "strong"])
def test_bucket_cold_and_warm(make_plugin, s3_volume, bucket, tree, consistency):
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume(bucket, consistency=consistency))
    assert trees_differ(tree, path) == ""
    cold = plugin.source_bytes()
    assert cold >= sum(f.stat().st_size for f in tree.rglob("*") if f.is_file())
    subprocess.run(["sync"], check=True)
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    assert trees_differ(tree, path) == ""
    assert plugin.source_bytes() == cold, "warm reads asked the source for bytes"


def test_directory_source(plugin, tree):
    (tree / "link").symlink_to("big.bin") if not (tree / "link").exists() else None
    (tree / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (tree / "run.sh").chmod(0o755)
    path = plugin.mount("dir", {"source": f"file://{tree}", "fileMode": "0644", "dirMode": "0755", "uid": "1000", "gid": "1001"})
    try:
        assert trees_differ(tree, path) == ""
        assert os.readlink(path / "link") == "big.bin"
        assert subprocess.run([path / "run.sh"], capture_output=True, text=True).stdout == "ran\n"
        status = (path / "big.bin").stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (1000, 1001, 0o644)
        assert status.st_mtime_ns == (tree / "big.bin").stat().st_mtime_ns
    finally:
        plugin.unmount("dir")
        (tree / "link").unlink()
        (tree / "run.sh").unlink()


def test_random_reads(plugin, s3_volume, bucket, tree):
    path = plugin.mount("random", *s3_volume(bucket))
    want = (tree / "big.bin").read_bytes()
    choose = random.Random(7)
    with open(path / "big.bin", "rb", buffering=0) as f:
        for _ in range(300):
            offset = choose.randrange(len(want) + 1000)
            length = choose.choice([1, 4096, 100_000, 3 * MIB])
            assert os.pread(f.fileno(), length, offset) == want[offset:offset + length]
    plugin.unmount("random")


def test_restart_of_everything_is_warm(make_plugin, s3_volume, bucket, tree):
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 1GiB}], source: {deadline: 5s}}}")
    context, secrets = s3_volume(bucket, consistency="immutable")
    path = plugin.mount("v", context, secrets)
    assert trees_differ(tree, path) == ""
    plugin.unmount("v")
    plugin.stop()
    plugin.start()
    path = plugin.mount("v", context, secrets)
    assert trees_differ(tree, path) == ""
    assert plugin.source_bytes() == 0


def test_tiers_smaller_than_the_data(make_plugin, s3_volume, bucket, tree):
    plugin = make_plugin("""
pools:
  default:
    tiers:
      - {medium: dram, quota: 8MiB}
      - {medium: ssd, quota: 16MiB}
    source: {deadline: 5s}
""")
    path = plugin.mount("v", *s3_volume(bucket))
    for _ in range(3):
        assert trees_differ(tree, path) == ""
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    stats = plugin.json("stats")
    assert int(stats["evictions"]) > 0
    for tier in stats["tiers"]:
        assert int(tier["used_bytes"]) <= int(tier["quota_bytes"])
    used = sum(f.stat().st_blocks * 512 for f in (plugin.state / "pools/default/ssd").rglob("*") if f.is_file())
    assert used <= 20 * MIB, "evicted blocks still take space on the disk"


@pytest.mark.parametrize("policy", ["s3-fifo", "w-tinylfu", "lru"])
def test_every_policy_serves(make_plugin, s3_volume, bucket, tree, policy):
    plugin = make_plugin(f"pools: {{default: {{policy: {policy}, tiers: [{{medium: ssd, quota: 16MiB}}]}}}}")
    path = plugin.mount("v", *s3_volume(bucket))
    for _ in range(2):
        assert trees_differ(tree, path) == ""
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")


def test_thread_pool_instead_of_io_uring(make_plugin, s3_volume, bucket, tree):
    plugin = make_plugin("pools: {default: {io: threads, tiers: [{medium: ssd, quota: 16MiB}]}}")
    assert plugin.json("status")["file_io"] == "threads"
    path = plugin.mount("v", *s3_volume(bucket))
    for _ in range(2):
        assert trees_differ(tree, path) == ""
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")


def test_extended_attributes(plugin, s3_volume, bucket, tree):
    path = plugin.mount("x", *s3_volume(bucket))
    assert filecmp.cmp(tree / "exact.bin", path / "exact.bin", shallow=False)
    assert os.getxattr(path / "exact.bin", "user.sluice.source") == b"s3://tree/exact.bin"
    # A tier is written behind the read.
    harness.wait_until(lambda: os.getxattr(path / "exact.bin", "user.sluice.tier") in (b"dram", b"ssd"), what="the file in a tier")
    # Answers that programs do not ask for again, file by file.
    for ask in (lambda: os.listxattr(path / "exact.bin"), lambda: os.getxattr(path / "exact.bin", "security.selinux"),
                lambda: os.getxattr(path / "exact.bin", "system.posix_acl_access")):
        with pytest.raises(OSError) as refused:
            ask()
        assert refused.value.errno == errno.EOPNOTSUPP
    with pytest.raises(OSError):
        os.getxattr(path / "exact.bin", "user.other")
    plugin.unmount("x")


def test_volume_is_read_only(plugin, s3_volume, bucket):
    path = plugin.mount("ro", *s3_volume(bucket))
    for attempt in [lambda: open(path / "new", "w"), lambda: open(path / "empty", "a"), lambda: os.unlink(path / "empty"), lambda: os.mkdir(path / "d")]:
        with pytest.raises(OSError) as error:
            attempt()
        assert error.value.errno == 30  # EROFS
    plugin.unmount("ro")
