"""A killed daemon costs its readers a delay, never an error or a wrong byte; and it has no privileges to lose."""

import mmap
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import pytest

import harness

MIB = 1 << 20
KILLS = 20


def test_secrets_are_nowhere_to_be_read(plugin, s3, s3_volume):
    (s3.bucket("secrets") / "file").write_text("x")
    path = plugin.mount("secrets", *s3_volume("secrets"))
    assert (path / "file").read_text() == "x"
    secret = harness.SECRET_KEY.encode()
    for pid in [plugin.process.process.pid, plugin.daemon_pid()]:
        assert secret not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        assert secret not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    for file in [*plugin.directory.rglob("*"), plugin.process.log]:
        if file.is_file() and "target" not in str(file) and "staging" not in str(file):
            assert secret not in file.read_bytes(), file
    plugin.unmount("secrets")


def test_kill_under_fio_and_mmap(make_plugin, s3, s3_volume):
    """20 kills while fio verifies a file's checksums and others read through mmap and read()."""
    size = 64 * MIB
    bucket = s3.bucket("kills")
    fio_file = bucket / "fio"
    subprocess.run(["fio", "--name=w", f"--filename={fio_file}", f"--size={size}", "--rw=write", "--bs=64k", "--verify=crc32c", "--do_verify=0",
                    "--verify_state_save=0"], check=True, capture_output=True)
    want = random.Random(3).randbytes(16 * MIB)
    (bucket / "data").write_bytes(want)
    # Tiers that hold a part only, so that reads keep going to the source, too.
    plugin = make_plugin("pools: {default: {tiers: [{medium: dram, quota: 16MiB}, {medium: ssd, quota: 32MiB}], source: {deadline: 20s}}}")
    path = plugin.mount("kills", *s3_volume("kills"))
    problems = []
    stop = threading.Event()

    def read_mapped():
        choose = random.Random(4)
        with open(path / "data", "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
            while not stop.is_set():
                at = choose.randrange(len(want) - 5000)
                if m[at:at + 5000] != want[at:at + 5000]:
                    problems.append(f"mmap at {at}")
                m.madvise(mmap.MADV_DONTNEED)

    def read_plain():
        choose = random.Random(5)
        try:
            with open(path / "data", "rb", buffering=0) as f:
                while not stop.is_set():
                    at = choose.randrange(len(want) - 70000)
                    os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                    if os.pread(f.fileno(), 70000, at) != want[at:at + 70000]:
                        problems.append(f"read at {at}")
                    with open(path / "data", "rb") as again:
                        if again.read(100) != want[:100]:
                            problems.append("open and read")
        except OSError as error:  # of the first open, too
            problems.append(f"a reader: {error}")

    threads = [threading.Thread(target=read_mapped), threading.Thread(target=read_plain), threading.Thread(target=read_plain)]
    for thread in threads:
        thread.start()
    fio = subprocess.Popen(["fio", "--name=v", f"--filename={path}/fio", f"--size={size}", "--rw=randread", "--bs=64k", "--verify=crc32c", "--readonly",
                            "--verify_fatal=1", "--time_based=1", "--runtime=15", "--invalidate=1", "--direct=0"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for _ in range(KILLS):
        plugin.kill_daemon()
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a reader hangs"
    output, _ = fio.communicate(timeout=120)
    assert problems == []
    assert fio.returncode == 0 and "err= 0" in output, output


def test_inode_numbers_survive_the_daemon(plugin, s3, s3_volume):
    bucket = s3.bucket("inodes")
    for i in range(50):
        (bucket / f"f{i}").write_text(str(i))
    path = plugin.mount("inodes", *s3_volume("inodes", consistency="strong"))
    before = {f.name: f.stat().st_ino for f in path.iterdir()}
    handle = open(path / "f7")
    plugin.kill_daemon()
    assert {f.name: f.stat().st_ino for f in path.iterdir()} == before
    assert handle.read() == "7"
    handle.close()
    plugin.unmount("inodes")


def test_listing_goes_on_after_a_kill(plugin):
    data = harness.new_directory("sluice-data-")
    for i in range(5000):
        (data / f"file-{i:05}").touch()
    path = plugin.mount("listing", {"source": f"file://{data}"})
    names = []
    with os.scandir(path) as entries:
        for n, entry in enumerate(entries):
            names.append(entry.name)
            if n == 1500:
                plugin.kill_daemon()
    assert sorted(names) == [f"file-{i:05}" for i in range(5000)]
    plugin.unmount("listing")
    harness.remove_directory(data)


def test_listing_goes_on_after_an_orderly_end(make_plugin, s3, s3_volume):
    """A daemon that is told to end while a listing is under way leaves the reader to the next one."""
    bucket = s3.bucket("long-listing")
    want = {f"{number:04}" for number in range(4500)}
    for name in want:
        (bucket / name).touch()
    directory = harness.new_directory("sluice-proxy-")
    proxy = harness.FaultProxy(directory, s3.port)
    try:
        plugin = make_plugin()
        context, secrets = s3_volume("long-listing")
        path = plugin.mount("v", context | {"endpoint": proxy.url}, secrets)
        proxy.toxic("latency", latency=400)
        listed = []
        reader = threading.Thread(target=lambda: listed.append(set(os.listdir(path))))
        reader.start()
        asked = plugin.metric("sluice_source_requests_total")
        harness.wait_until(lambda: plugin.metric("sluice_source_requests_total") > asked + 1, what="a listing under way")
        plugin.kill_daemon(signal.SIGTERM)
        reader.join(60)
        assert listed == [want]
    finally:
        proxy.stop()
        harness.remove_directory(directory)


def test_cache_is_warm_after_kill(make_plugin, s3, s3_volume):
    plugin = make_plugin()
    want = random.Random(8).randbytes(8 * MIB)
    (s3.bucket("warm") / "file").write_bytes(want)
    path = plugin.mount("warm", *s3_volume("warm", consistency="immutable"))
    assert (path / "file").read_bytes() == want
    time.sleep(0.3)  # the index is committed behind the read
    plugin.kill_daemon()
    with open(path / "file", "rb") as f:
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        assert f.read() == want
    assert plugin.source_bytes() == 0


def test_a_daemon_that_hangs_is_replaced(make_plugin, s3, s3_volume):
    (s3.bucket("hangs") / "file").write_bytes(b"x" * MIB)
    plugin = make_plugin("pools: {default: {answerDeadline: 2s}}")
    path = plugin.mount("v", *s3_volume("hangs"))
    with open(path / "file", "rb") as f:
        old = plugin.daemon_pid()
        time.sleep(5)  # idle, it is asked, and answers
        assert plugin.daemon_pid() == old
        os.kill(old, signal.SIGSTOP)
        assert f.read() == b"x" * MIB
        assert plugin.daemon_pid() != old


def test_damaged_cache_files_are_never_served(make_plugin, s3, s3_volume):
    """Bytes changed on the disk behind the daemon's back are found by their checksum and fetched again."""
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 64MiB}], source: {deadline: 5s}}}")
    want = random.Random(9).randbytes(5 * MIB)
    (s3.bucket("damage") / "file").write_bytes(want)
    context, secrets = s3_volume("damage")
    path = plugin.mount("damage", context, secrets)
    assert (path / "file").read_bytes() == want
    plugin.unmount("damage")
    plugin.stop()
    files = [f for f in (plugin.state / "pools/default/ssd/objects").rglob("*") if f.is_file()]
    assert len(files) == 1
    with open(files[0], "r+b") as f:
        f.seek(2 * MIB + 17)
        f.write(b"garbage")
    plugin.start()
    path = plugin.mount("damage", context, secrets)
    assert (path / "file").read_bytes() == want
    assert 'sluice_tier_bad_blocks_total{tier="ssd"} 1' in plugin.sluice("metrics").stdout


def test_damaged_index_costs_the_warm_cache_only(make_plugin, s3, s3_volume):
    plugin = make_plugin()
    (s3.bucket("index") / "file").write_text("text")
    context, secrets = s3_volume("index")
    assert (plugin.mount("index", context, secrets) / "file").read_text() == "text"
    plugin.unmount("index")
    plugin.stop()
    for file in (plugin.state / "pools/default/index").iterdir():
        if file.name.startswith(("MANIFEST", "CURRENT")):
            file.write_bytes(b"garbage")
    plugin.start()
    assert (plugin.mount("index", context, secrets) / "file").read_text() == "text"


def test_a_lost_volume_may_be_staged_at_once(make_plugin, s3, s3_volume):
    """While the plugin itself mounts it anew (test_restore)."""
    plugin = make_plugin()
    (s3.bucket("dead") / "file").write_text("text")
    context, secrets = s3_volume("dead")
    path = plugin.mount("dead", context, secrets)
    plugin.kill_both()
    plugin.start()
    path = plugin.mount("dead", context, secrets)
    assert (path / "file").read_text() == "text"


def test_a_daemon_cannot_lead_the_plugin_elsewhere(make_plugin):
    """A daemon taken over by an attacker owns its pool's directory: a symbolic link there gives it nothing."""
    plugin = make_plugin("pools: {default: {tiers: [{medium: dram, quota: 64MiB}, {medium: ssd, quota: 64MiB}]}}")
    plugin.stop()
    harness.unmount_below(plugin.directory)
    victim = plugin.directory / "victim"
    victim.mkdir()
    pool = plugin.state / "pools/default"
    for tier in ["dram", "ssd"]:
        (pool / tier).rename(pool / f"{tier}-aside")
        (pool / tier).symlink_to(victim)
        with pytest.raises(AssertionError):
            plugin.start()
        assert victim.stat().st_uid == 0
        assert not any(str(victim) in line for line in open("/proc/self/mountinfo"))
        (pool / tier).unlink()
        (pool / f"{tier}-aside").rename(pool / tier)
        harness.unmount_below(plugin.directory)
    plugin.start()
