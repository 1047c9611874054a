"""Files that are whole in a tier are read by the kernel itself; whatever happens around them, the bytes are right."""

import mmap
import os
import random
import signal
import subprocess
import threading

import pytest

import harness

MIB = 1 << 20
SSD = "pools: {default: {tiers: [{medium: ssd, quota: %s}]}}"
PASSED = 'sluice_opens_total{path="passthrough"}'
CACHED = 'sluice_opens_total{path="page-cache"}'


def data(size, seed=1):
    return random.Random(seed).randbytes(size)


def file_of(s3, bucket, size, name="file", seed=1):
    want = data(size, seed)
    (s3.bucket(bucket) / name).write_bytes(want)
    return want


class Stopped:
    """The daemon stands still inside this block."""

    def __init__(self, plugin):
        self.pid = plugin.daemon_pid()

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGCONT)


@pytest.mark.parametrize("tier", ["dram", "ssd"])
def test_the_kernel_reads_by_itself(make_plugin, s3, s3_volume, tier):
    want = file_of(s3, f"whole-{tier}", 5 * MIB + 123)
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume(f"whole-{tier}", consistency="immutable"))
    plugin.sluice("prewarm", "v", "--tier", tier, "--wait")
    assert os.getxattr(path / "file", "user.sluice.tier") == tier.encode()
    with open(path / "file", "rb", buffering=0) as f, Stopped(plugin):
        assert f.read(len(want)) == want
        with mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as shared:
            assert shared[:] == want
        with mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) as private:
            assert private[MIB:2 * MIB] == want[MIB:2 * MIB]
    assert plugin.metric(PASSED) == 1 and plugin.metric(CACHED) == 0
    assert plugin.metric("sluice_fuse_read_bytes_total") == 0
    assert plugin.metric("sluice_backing_files") == 1
    assert plugin.json("mounts")["mounts"][0]["path"] == "passthrough"


def test_cache_files_do_not_note_when_they_were_read(make_plugin, s3, s3_volume):
    """Noting it costs small reads some percent."""
    want = file_of(s3, "times", MIB)
    plugin = make_plugin(SSD % "1GiB")
    path = plugin.mount("v", *s3_volume("times", consistency="immutable"))
    plugin.sluice("prewarm", "v", "--wait")
    [file] = [p for p in plugin.state.glob("pools/default/ssd/objects/*/*") if p.stat().st_size == len(want)]
    os.utime(file, ns=(0, file.stat().st_mtime_ns))  # old enough for any mount option
    assert (path / "file").read_bytes() == want
    assert plugin.metric(PASSED) == 1
    assert file.stat().st_atime_ns == 0


def test_from_the_first_read_to_passthrough(make_plugin, s3, s3_volume):
    want = file_of(s3, "fills", 3 * MIB)
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("fills"))
    with open(path / "file", "rb", buffering=0) as first:
        assert first.read(1000) == want[:1000]
        plugin.sluice("prewarm", "v", "--wait")
        # Whole by now; but the kernel wants all handles of a file alike, and the first one may be mapped at any time.
        with open(path / "file", "rb", buffering=0) as second:
            assert second.read(len(want)) == want
        with mmap.mmap(first.fileno(), 0, prot=mmap.PROT_READ) as m:
            assert m[:] == want
    assert plugin.metric(PASSED) == 0 and plugin.metric(CACHED) == 2
    with open(path / "file", "rb", buffering=0) as third, Stopped(plugin):
        assert third.read(len(want)) == want
    assert plugin.metric(PASSED) == 1


def test_handles_outlive_the_daemon(make_plugin, s3, s3_volume):
    want = file_of(s3, "outlive", 2 * MIB)
    cold = file_of(s3, "outlive", 2 * MIB, "cold", seed=2)
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("outlive"))
    plugin.sluice("prewarm", "v", "file", "--wait")
    with open(path / "file", "rb", buffering=0) as passed, open(path / "cold", "rb", buffering=0) as cached:
        assert cached.read(4096) == cold[:4096]
        with mmap.mmap(passed.fileno(), 0, prot=mmap.PROT_READ) as m:
            for _ in range(3):
                plugin.kill_daemon()
                plugin.sluice("prewarm", "v", "--wait")
                # Each kind of handle meets its like: the inode's backing id is the same, and a file that is open through
                # the page cache is not passed through.
                with open(path / "file", "rb", buffering=0) as again, open(path / "cold", "rb", buffering=0) as more:
                    assert again.read(len(want)) == want and more.read(len(cold)) == cold
                assert m[:] == want
                assert os.pread(passed.fileno(), len(want), 0) == want
        assert plugin.metric(PASSED) == 1 and plugin.metric(CACHED) == 1  # of the last daemon
    plugin.kill_daemon()
    with open(path / "cold", "rb", buffering=0) as after, Stopped(plugin):
        assert after.read(len(cold)) == cold
    plugin.unmount("v")


def test_nothing_leaves_an_open_file(make_plugin, s3, s3_volume):
    """The tier is too small for what is read meanwhile; and the administrator wants the space back."""
    want = file_of(s3, "crowd", 4 * MIB)
    for i in range(16):
        file_of(s3, "crowd", 4 * MIB, f"other{i}", seed=10 + i)
    plugin = make_plugin(SSD % "16MiB")
    path = plugin.mount("v", *s3_volume("crowd", consistency="immutable"))
    plugin.sluice("prewarm", "v", "file", "--wait")
    with open(path / "file", "rb", buffering=0) as held, mmap.mmap(held.fileno(), 0, prot=mmap.PROT_READ) as m:
        for i in range(8):
            assert (path / f"other{i}").read_bytes() == data(4 * MIB, 10 + i)
        plugin.kill_daemon()
        for i in range(8, 16):
            assert (path / f"other{i}").read_bytes() == data(4 * MIB, 10 + i)
        assert plugin.metric('sluice_cache_evictions_total{tier="ssd"}') > 0
        plugin.sluice("evict", "v")
        os.posix_fadvise(held.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        with Stopped(plugin):
            assert os.pread(held.fileno(), len(want), 0) == want and m[:] == want
    # Closed, it goes like anything else.
    plugin.sluice("evict", "v")
    assert os.getxattr(path / "file", "user.sluice.tier") == b"none"
    assert plugin.metric("sluice_backing_files") == 0
    assert (path / "file").read_bytes() == want


def test_readers_through_mode_changes(make_plugin, s3, s3_volume):
    """Opens, reads and maps in several threads, while files are warmed, evicted and throttled and the daemon dies."""
    want = {f"f{i}": file_of(s3, "modes", 3 * MIB + i, f"f{i}", seed=20 + i) for i in range(4)}
    plugin = make_plugin(SSD % "8MiB")
    path = plugin.mount("v", *s3_volume("modes", blockSize="256KiB"))
    problems = []
    stop = threading.Event()

    def read(seed):
        choose = random.Random(seed)
        while not stop.is_set():
            name = choose.choice(list(want))
            try:
                with open(path / name, "rb", buffering=0) as f:
                    if choose.random() < 0.5:
                        with mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
                            got = m[:]
                    else:
                        got = b"".join(iter(lambda: f.read(300_000), b""))
                if got != want[name]:
                    problems.append(f"{name}: wrong bytes")
            except OSError as error:
                problems.append(f"{name}: {error}")

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(6):
            plugin.sluice("prewarm", "v", f"f{turn % 4}", "--wait")
            plugin.sluice("evict", "v", f"f{(turn + 1) % 4}")
            plugin.sluice("throttle", "v", "--read", "1GiB" if turn % 2 else "0")
            if turn % 3 == 2:
                plugin.kill_daemon()
        harness.wait_until(lambda: plugin.metric(CACHED) > 0, what="an open of a throttled volume after the last kill")
        plugin.sluice("throttle", "v", "--read", "0")
        harness.wait_until(lambda: plugin.metric(PASSED) > 0, what="an open passed through after the last kill")
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert problems == []


def test_a_throttled_volume_is_not_passed_through(make_plugin, s3, s3_volume):
    want = file_of(s3, "slow", 1 * MIB)
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("slow"))
    plugin.sluice("prewarm", "v", "--wait")
    plugin.sluice("throttle", "v", "--read", "1GiB")
    assert (path / "file").read_bytes() == want
    assert plugin.metric(PASSED) == 0
    plugin.sluice("throttle", "v", "--read", "0")

    def passed(times):
        """An open that comes before the kernel's word of the last close finds its handle, and is like it."""
        return (path / "file").read_bytes() == want and plugin.metric(PASSED) == times

    harness.wait_until(lambda: passed(1), what="an open that is passed through")
    # Neither by the backing file that this reader has left, and all handles of a time are of one kind.
    plugin.sluice("throttle", "v", "--read", "1GiB")
    with open(path / "file", "rb") as first:
        assert first.read() == want
        plugin.sluice("throttle", "v", "--read", "0")
        assert (path / "file").read_bytes() == want
        assert plugin.metric(PASSED) == 1
    harness.wait_until(lambda: passed(2), what="an open that is passed through again")


def test_a_file_system_without_passthrough(make_plugin, s3, s3_volume):
    """A tier on overlayfs, as in a container without a volume: the page-cache path, and the reason is shown."""
    want = file_of(s3, "overlay", 1 * MIB)
    directory = harness.new_directory("sluice-overlay-")
    for name in ["lower", "upper", "work", "tier"]:
        (directory / name).mkdir()
    os.chmod(directory / "upper", 0o777)
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={directory}/lower,upperdir={directory}/upper,workdir={directory}/work",
                    directory / "tier"], check=True)
    try:
        plugin = make_plugin(f"pools: {{default: {{tiers: [{{medium: ssd, quota: 64MiB, path: {directory}/tier}}]}}}}")
        path = plugin.mount("v", *s3_volume("overlay"))
        plugin.sluice("prewarm", "v", "--wait")
        for _ in range(2):
            assert (path / "file").read_bytes() == want
        mount = plugin.json("mounts")["mounts"][0]
        assert mount["path"] == "page-cache" and "overlayfs" in mount["path_reason"]
        plugin.destroy()
    finally:
        harness.remove_directory(directory)
