"""Volumes of small files: the kernel opens and closes them by itself and keeps their pages; changes are still seen."""

import os
import random
import signal
import time

import pytest

import harness

KIB = 1 << 10
PASSED = 'sluice_opens_total{path="passthrough"}'
CACHED = 'sluice_opens_total{path="page-cache"}'


def opens(plugin):
    return plugin.metric(PASSED) + plugin.metric(CACHED)


def path_of(plugin):
    return plugin.json("mounts")["mounts"][0]["path"]


def fill(bucket, count, size=20 * KIB, seed=1):
    choose = random.Random(seed)
    want = {f"d{i % 7}/img{i:05}": choose.randbytes(choose.randrange(size)) for i in range(count)}
    for name, content in want.items():
        (bucket / name).parent.mkdir(exist_ok=True)
        (bucket / name).write_bytes(content)
    return want


def read_all(path, want, seed=0):
    names = list(want)
    random.Random(seed).shuffle(names)
    return [name for name in names if (path / name).read_bytes() != want[name]]


@pytest.mark.parametrize("access", ["small-files", "auto"])
def test_no_open(make_plugin, s3, s3_volume, access):
    want = fill(s3.bucket(f"small-{access}"), 600)
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume(f"small-{access}", consistency="immutable", access=access))
    plugin.sluice("prewarm", "v", "--wait")
    assert read_all(path, want) == []
    assert path_of(plugin) == "no-open"
    assert opens(plugin) == 0
    # Its pages are the kernel's now: nobody is asked.
    before = plugin.metric("sluice_fuse_read_bytes_total")
    assert read_all(path, want, seed=1) == []
    again = plugin.metric("sluice_fuse_read_bytes_total") - before
    assert again < sum(map(len, want.values())) / 10  # the kernel may have dropped some
    # And the next daemon is not asked to open anything either.
    os.kill(plugin.daemon_pid(), signal.SIGKILL)
    harness.wait_until(lambda: plugin.daemon_pid() and plugin.ready(), what="the next daemon")
    with open("/proc/sys/vm/drop_caches", "w") as drop:
        drop.write("3")
    assert read_all(path, want, seed=2) == []
    assert path_of(plugin) == "no-open" and opens(plugin) == 0


def test_auto_waits_for_evidence(make_plugin, s3, s3_volume):
    """Few files, or most bytes in large ones, are no small files."""
    bucket = s3.bucket("mixed")
    want = fill(bucket, 300)
    want["model"] = random.Random(9).randbytes(16 << 20)
    (bucket / "model").write_bytes(want["model"])
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("mixed", consistency="immutable"))
    plugin.sluice("prewarm", "v", "--wait")
    assert read_all(path, want) == []
    assert path_of(plugin) == "passthrough" and plugin.metric(PASSED) == len(want)
    few = fill(s3.bucket("few"), 100)
    plugin.unmount("v")
    path = plugin.mount("few", *s3_volume("few"))
    assert read_all(path, few) == []
    assert path_of(plugin) == "passthrough"


def test_large_files_are_forced(make_plugin, s3, s3_volume):
    want = fill(s3.bucket("forced"), 300)
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("forced", access="large-files"))
    plugin.sluice("prewarm", "v", "--wait")
    assert read_all(path, want) == []
    assert path_of(plugin) == "passthrough" and opens(plugin) == len(want)


def test_pages_are_pushed_ahead(make_plugin, s3, s3_volume):
    want = fill(s3.bucket("pushed"), 200, size=100 * KIB)
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("pushed", consistency="immutable", access="small-files"))
    plugin.sluice("prewarm", "v", "--wait")
    total = sum(map(len, want.values()))
    for directory in path.iterdir():
        assert len(os.listdir(directory)) > 0
    harness.wait_until(lambda: plugin.metric("sluice_fuse_pushed_bytes_total") == total, what="the pages")
    assert read_all(path, want) == []
    assert plugin.metric("sluice_fuse_read_bytes_total") < total / 10  # the kernel may have dropped some


def test_what_was_read_is_not_pushed(make_plugin, s3, s3_volume):
    want = {f"f{i:04}": random.Random(i).randbytes(100 * KIB) for i in range(2000)}
    for name, content in want.items():
        (s3.bucket("ahead") / name).write_bytes(content)
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("ahead", consistency="immutable", access="small-files"))
    plugin.sluice("prewarm", "v", "--wait")
    os.listdir(path)
    for name in reversed(want):  # against the order of the listing, in which pages are pushed
        assert (path / name).read_bytes() == want[name]
    total = sum(map(len, want.values()))

    def given():
        return plugin.metric("sluice_fuse_pushed_bytes_total"), plugin.metric("sluice_fuse_read_bytes_total")

    harness.wait_until(lambda: sum(given()) >= total, what="the pages")
    time.sleep(0.3)  # for pushes that ought not to come
    pushed, read = given()
    assert pushed > 0 and read > 0
    assert pushed + read - total < min(pushed, read) / 2  # few are on both ways at once


def test_the_push_has_a_limit(make_plugin, s3, s3_volume):
    fill(s3.bucket("bounded"), 200, size=100 * KIB)
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 64MiB}], limits: {pushMemory: 1MiB}}}")
    path = plugin.mount("v", *s3_volume("bounded", consistency="immutable", access="small-files"))
    plugin.sluice("prewarm", "v", "--wait")
    for directory in path.iterdir():
        os.listdir(directory)
    harness.wait_until(lambda: plugin.metric("sluice_fuse_pushed_bytes_total") > 512 * KIB, what="some pages")
    time.sleep(0.5)
    assert plugin.metric("sluice_fuse_pushed_bytes_total") <= 1024 * KIB


@pytest.mark.parametrize("consistency", ["strong", "eventual"])
def test_changed_files_are_seen(make_plugin, s3, s3_volume, consistency):
    """Without an open to ask at, a changed object is found by its name: another version is another inode."""
    client = s3.client()
    s3.bucket(f"changing-{consistency}")
    client.put_object(Bucket=f"changing-{consistency}", Key="f", Body=b"first")
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume(f"changing-{consistency}", consistency=consistency, metadataTtl="1s", access="small-files"))
    with open(path / "f", "rb", buffering=0) as old:
        assert old.read() == b"first"
        client.put_object(Bucket=f"changing-{consistency}", Key="f", Body=b"second")
        harness.wait_until(lambda: (path / "f").read_bytes() == b"second", seconds=5, what="the new version")
        assert os.pread(old.fileno(), 10, 0) == b"first"


def test_small_files_take_little_memory(make_plugin, s3, s3_volume):
    """The DRAM tier's huge pages are for large files: a small one must not take two megabytes."""
    want = fill(s3.bucket("frugal"), 400, size=100 * KIB)
    large = random.Random(5).randbytes(8 << 20)
    (s3.bucket("frugal") / "large").write_bytes(large)
    plugin = make_plugin("pools: {default: {tiers: [{medium: dram, quota: 256MiB}]}}")
    path = plugin.mount("v", *s3_volume("frugal", consistency="immutable", access="large-files"))
    plugin.sluice("prewarm", "v", "--wait")
    assert read_all(path, want) == [] and (path / "large").read_bytes() == large
    tier = os.statvfs(plugin.state / "pools" / "default" / "dram")
    used = (tier.f_blocks - tier.f_bfree) * tier.f_frsize
    cached = sum(map(len, want.values())) + len(large)
    assert used < cached * 1.5 + 4 * 1024 * KIB
