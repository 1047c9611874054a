"""What programs read over a mount, recorded by the daemon and replayed by cachesim."""

import collections
import concurrent.futures
import contextlib
import pathlib
import random
import re
import subprocess
import tempfile

import grpc
import pytest

import harness

MIB = 1 << 20
FILES = 100
EPOCHS = 3
BLOCKS = FILES + 5  # of 1 MiB: a small file is one, "large" is five


@pytest.fixture(scope="module")
def names(s3):
    bucket = s3.bucket("trace")
    choose = random.Random(41)
    for i in range(FILES):
        (bucket / f"secret-{i:02}").write_bytes(choose.randbytes(200 * 1024 + i))
    (bucket / "large").write_bytes(choose.randbytes(4 * MIB + 4097))
    return sorted(file.name for file in bucket.iterdir())


@contextlib.contextmanager
def recording(plugin, *arguments):
    """A recording from here to the end of the block; its list gets the trace's lines, without their end."""
    command = [harness.BUILD / "bin" / "sluice", "--socket", plugin.state / "pools/default/admin.sock", "trace", "record", "--seconds", "300", *arguments]
    with tempfile.TemporaryFile("w+") as out, subprocess.Popen(list(map(str, command)), stdout=out, stderr=subprocess.PIPE, text=True) as record:
        assert record.stderr.readline() == "recording for 300 s\n"
        lines = []
        try:
            yield lines
            seen = -1
            while seen < out.seek(0, 2):  # until no more comes
                seen = out.seek(0, 2)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    record.wait(1)
        finally:
            record.kill()
        out.seek(0)
        lines += out.read().splitlines()


def read(path, names, direct=False):
    """All files, by a real program."""
    for name in names:
        subprocess.run(["dd", f"if={path / name}", "of=/dev/null", "bs=128k", *(["iflag=direct"] if direct else [])], check=True, stderr=subprocess.DEVNULL)


def forget_pages():
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("1")


def hit_ratio(lines, policy, capacity, directory):
    trace = directory / "trace"
    trace.write_text("\n".join(lines) + "\n")
    table = subprocess.run([harness.BUILD / "bin" / "cachesim", "--trace", trace, "--policy", policy, "--capacity", capacity],
                           check=True, capture_output=True, text=True, timeout=60).stdout
    return float(table.splitlines()[-1].split("|")[3])


# Who answers the second and third time.
@pytest.mark.parametrize("access, throttled, direct", [
    ("large-files", True, False),   # the daemon's loop
    ("large-files", True, True),
    ("small-files", False, False),  # its session threads
    ("large-files", False, False),  # the kernel: passthrough
])
def test_every_epoch_is_in_the_trace(make_plugin, s3_volume, names, tmp_path, access, throttled, direct):
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 1GiB}]}}")
    path = plugin.mount("v", *s3_volume("trace", consistency="immutable", access=access))
    if throttled:
        plugin.sluice("throttle", "v", "--read", "1TiB/s")
    with recording(plugin) as lines:
        for _ in range(EPOCHS):
            read(path, names, direct)
            if not direct:
                forget_pages()
    counts = collections.Counter(tuple(line.split()) for line in lines)
    assert len(counts) == BLOCKS and set(counts.values()) == {EPOCHS}
    assert all(re.fullmatch("[0-9a-f]{32}", identity) for identity, _, _ in counts)
    objects = collections.Counter(identity for identity, _, _ in counts)
    assert sorted(objects.values()) == [1] * FILES + [5]
    large = objects.most_common(1)[0][0]
    assert sorted((int(block), int(size)) for identity, block, size in counts if identity == large) == [(i, MIB) for i in range(4)] + [(4, 8192)]
    # One epoch in three is not hit by a tier that holds everything, all are missed by an LRU that falls just short of it.
    assert hit_ratio(lines, "lru", "100%", tmp_path) == pytest.approx((EPOCHS - 1) / EPOCHS, abs=1e-4)
    assert hit_ratio(lines, "lru", "90%", tmp_path) == 0


def test_what_the_kernel_has_in_its_pages_is_not_seen(make_plugin, s3_volume, names):
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("trace", access="large-files"))
    plugin.sluice("throttle", "v", "--read", "1TiB/s")
    read(path, names[:20])
    with recording(plugin) as lines:
        read(path, names[:20])
    assert len(lines) < 20, "the kernel may have dropped some"


def test_prewarm_is_no_access(make_plugin, s3_volume, names):
    plugin = make_plugin()
    plugin.mount("v", *s3_volume("trace", access="large-files"))
    with recording(plugin) as lines:
        plugin.sluice("prewarm", "v", "--wait")
    assert lines == []


def test_one_recording_at_a_time_until_there_are_enough(make_plugin, s3_volume, names):
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("trace", access="large-files"))
    with recording(plugin) as lines:
        second = plugin.sluice("trace", "record", "--seconds", "1", check=False)
        assert second.returncode == 1 and "one recording at a time" in second.stderr
        read(path, names[:10])
    assert len(lines) > 0
    # It ended with its client.
    harness.wait_until(lambda: plugin.sluice("trace", "record", "--seconds", "0.1", check=False).returncode == 0, what="the end")
    with recording(plugin, "--accesses-max", "3") as lines:
        read(path, names[20:30])
    assert len(lines) == 3


@pytest.mark.parametrize("seconds", ["0", "-1", "86401"])
def test_times_that_cannot_be(plugin, seconds):
    done = plugin.sluice("trace", "record", f"--seconds={seconds}", check=False)
    assert done.returncode == 2 and "at most 86400" in done.stderr


@pytest.fixture
def overrun(tmp_path):
    """A daemon's socket, as it is when there are too many accesses for the client."""
    admin_pb2, admin_pb2_grpc = harness.load_proto(harness.ROOT / "proto", "admin")

    class Overrun(admin_pb2_grpc.AdminServicer):
        def RecordAccesses(self, request, context):
            yield admin_pb2.Accesses()
            yield admin_pb2.Accesses(accesses=[admin_pb2.Access(object="0123", block=4, bytes=4096)])
            yield admin_pb2.Accesses(lost=7)

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    admin_pb2_grpc.add_AdminServicer_to_server(Overrun(), server)
    server.add_insecure_port(f"unix:{tmp_path}/admin.sock")
    server.start()
    yield tmp_path / "admin.sock"
    server.stop(0).wait()


def record_from(socket, **options):
    return subprocess.run([harness.BUILD / "bin" / "sluice", "--socket", socket, "trace", "record", "--seconds", "1"],
                          stderr=subprocess.PIPE, text=True, timeout=60, **options)


def test_lost_accesses_are_told(overrun):
    done = record_from(overrun, stdout=subprocess.PIPE)
    assert done.returncode == 0 and done.stdout == "0123 4 4096\n"
    assert "warning: 7 accesses are missing" in done.stderr and "recorded 1 accesses" in done.stderr


def test_a_trace_that_cannot_be_written_is_an_error(overrun):
    with open("/dev/full", "w") as full:
        done = record_from(overrun, stdout=full)
    assert done.returncode == 1 and "No space left" in done.stderr
