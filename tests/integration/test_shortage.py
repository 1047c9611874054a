"""Memory and descriptors that run out under the daemon: readers wait, or the cache does less; bytes are right."""

import concurrent.futures
import contextlib
import os
import pathlib
import subprocess

import pytest

import harness
import load

MIB = 1 << 20


class MemoryGroup:
    """A control group of its own, of version 2 where there is one, with a limit on memory."""

    ROOTS = [pathlib.Path("/sys/fs/cgroup"), pathlib.Path("/sys/fs/cgroup/memory")]

    def __init__(self, name):
        if harness.SANITIZED:
            pytest.skip("a sanitizer takes several times the memory")
        root = next((r for r in self.ROOTS if (r / "cgroup.procs").exists()), None)
        if root is None:
            pytest.skip("no control groups")
        self.second = (root / "cgroup.controllers").exists()
        try:
            if self.second:
                (root / "cgroup.subtree_control").write_text("+memory")
            self.path = root / name
            self.path.mkdir()
        except OSError as error:
            pytest.skip(f"no control group can be made here: {error}")

    def limit(self, size):
        (self.path / ("memory.max" if self.second else "memory.limit_in_bytes")).write_text(str(size))

    def used(self):
        return int((self.path / ("memory.current" if self.second else "memory.usage_in_bytes")).read_text())

    def add(self, *pids):
        for pid in pids:
            (self.path / "cgroup.procs").write_text(str(pid))

    def kills(self):
        """How often the kernel has killed for want of memory."""
        words = (self.path / ("memory.events" if self.second else "memory.oom_control")).read_text().split()
        return int(words[words.index("oom_kill") + 1])

    def remove(self):
        for pid in (self.path / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (self.path.parent / "cgroup.procs").write_text(pid)
        harness.wait_until(self.is_gone, what="the group's end")

    def is_gone(self):
        with contextlib.suppress(OSError):  # busy while somebody in it is ending
            self.path.rmdir()
        return not self.path.exists()


@pytest.fixture
def memory():
    group = MemoryGroup(f"sluice-test-{os.getpid()}")
    yield group
    group.remove()


def test_a_limit_on_memory(make_plugin, s3, s3_volume, memory):
    """Too small for what is on its way from sources: the kernel kills the daemon, and what was read until then stays read."""
    want = load.large_files(s3.bucket("memory"), count=10, size=16 * MIB)
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 512MiB}], limits: {fillMemory: 256MiB}, source: {deadline: 20s}}}")
    path = plugin.mount("v", *s3_volume("memory"))
    memory.add(plugin.process.process.pid, plugin.daemon_pid())
    memory.limit(96 * MIB)
    with load.Load({path: want}) as readers, concurrent.futures.ThreadPoolExecutor(len(want)) as all_at_once:
        got = all_at_once.map(lambda name: (path / name).read_bytes() == want[name], want)
        assert all(got)
        harness.wait_until(lambda: memory.kills() > 0, what="want of memory")
        before = readers.reads
        harness.wait_until(lambda: readers.reads > before + 20, seconds=60, what="reads after that")
    assert readers.problems == []
    assert plugin.process.process.poll() is None, "the plugin is not what is killed"
    assert plugin.metric("sluice_daemon_restarts_total") > 0


def test_a_dram_tier_larger_than_the_limit(make_plugin, s3, s3_volume, memory):
    """What is in it outlives the daemon: if nobody made it smaller, each daemon would be killed like the one before."""
    want = load.large_files(s3.bucket("dram"), count=30, size=16 * MIB)
    plugin = make_plugin("pools: {default: {tiers: [{medium: dram, quota: 512MiB}, {medium: ssd, quota: 64MiB}], source: {deadline: 20s}}}")
    path = plugin.mount("v", *s3_volume("dram"))
    assert plugin.metric('sluice_tier_quota_bytes{tier="dram"}') == 512 * MIB
    memory.add(plugin.process.process.pid, plugin.daemon_pid())
    memory.limit(224 * MIB)
    kills = []
    readers = concurrent.futures.ThreadPoolExecutor(8)
    try:
        for _ in range(3):
            assert all(readers.map(lambda name: (path / name).read_bytes() == want[name], want, timeout=60))
            kills.append(memory.kills())
    finally:
        readers.shutdown(wait=False, cancel_futures=True)
    assert kills[0] > 0 and kills[2] == kills[1], kills
    assert plugin.metric('sluice_tier_quota_bytes{tier="dram"}') <= 64 * MIB
    assert "224 MiB of memory, by a control group or the machine, is less than configured" in plugin.log()


def test_the_daemon_is_killed_before_the_plugin(plugin):
    """Nothing is lost with it."""
    score = {pid: int(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (plugin.process.process.pid, plugin.daemon_pid())}
    assert score[plugin.daemon_pid()] == min(score[plugin.process.process.pid] + 200, 1000)


@pytest.mark.parametrize("access", ["large-files", "small-files"])
def test_a_limit_on_descriptors(make_plugin, s3, s3_volume, access):
    """None are left for cache files and connections: the cache is passed by, and the daemon lives."""
    bucket = s3.bucket("descriptors")
    want = load.large_files(bucket, count=8) | load.small_files(bucket, count=200)
    plugin = make_plugin("pools: {default: {tiers: [{medium: dram, quota: 16MiB}, {medium: ssd, quota: 24MiB}], source: {deadline: 20s}}}")
    path = plugin.mount("v", *s3_volume("descriptors", access=access))
    pid = plugin.daemon_pid()

    def spare(count):
        top = max(map(int, os.listdir(f"/proc/{pid}/fd")))
        # As its own user, who may without further capabilities.
        subprocess.run(["setpriv", "--reuid=60480", "--regid=60480", "--clear-groups", "prlimit", "--pid", str(pid), f"--nofile={top + 1 + count}:"],
                       check=True)

    with load.Load({path: want}) as readers:
        for count in (64, 8, 0):
            harness.wait_until(lambda: readers.reads > 20, what="reads")
            spare(count)
            before = readers.reads
            harness.wait_until(lambda: readers.reads > before + 60, seconds=60, what="reads after that")
    assert readers.problems == []
    assert plugin.daemon_pid() == pid
    spare(100)  # for who asks
    assert plugin.metric("sluice_uncached_blocks_total") > 0
    assert all(tier["in_service"] for tier in plugin.json("status")["tiers"]), "it is no fault of the disk"
