"""FUSE over io_uring, for volumes that ask for it; where the kernel can."""

import os
import pathlib
import random
import signal
import threading

import grpc
import pytest

import harness

MIB = 1 << 20
SWITCH = pathlib.Path("/sys/module/fuse/parameters/enable_uring")


@pytest.fixture
def ring():
    """Switches the kernel's side on for the test, and back."""
    if not SWITCH.exists():
        pytest.skip("this kernel (before 6.14) has no FUSE over io_uring")
    before = SWITCH.read_text().strip()
    SWITCH.write_text("Y")
    yield
    SWITCH.write_text(before)


def test_reads_over_the_ring(ring, make_plugin, s3, s3_volume):
    bucket = s3.bucket("ring")
    want = {f"d{i % 5}/f{i}": random.Random(i).randbytes(random.Random(i).randrange(3 * MIB)) for i in range(40)}
    for name, content in want.items():
        (bucket / name).parent.mkdir(exist_ok=True)
        (bucket / name).write_bytes(content)
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 64MiB}]}}")  # some of it is always cold
    path = plugin.mount("v", *s3_volume("ring", transport="ring"))
    threads = {(task / "comm").read_text().strip() for task in pathlib.Path(f"/proc/{plugin.daemon_pid()}/task").iterdir()}
    assert "fuse-ring-0" in threads
    wrong = []

    def read(seed):
        names = list(want)
        random.Random(seed).shuffle(names)
        wrong.extend(name for name in names if (path / name).read_bytes() != want[name])

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert wrong == [] and not any(thread.is_alive() for thread in threads)
    plugin.unmount("v")


def test_nothing_of_a_ring_stays(ring, make_plugin, s3, s3_volume):
    (s3.bucket("ring-ends") / "file").write_bytes(b"x" * MIB)
    plugin = make_plugin()
    process = pathlib.Path(f"/proc/{plugin.daemon_pid()}")

    def resources():
        return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))

    def cycle():
        path = plugin.mount("v", *s3_volume("ring-ends", transport="ring"))
        assert (path / "file").read_bytes() == b"x" * MIB
        plugin.unmount("v")

    cycle()  # whatever a daemon opens once
    before = resources()
    for _ in range(3):
        cycle()
    harness.wait_until(lambda: resources() <= before, what="the end of the rings' descriptors and threads")


def test_its_price_is_the_volume(ring, make_plugin, s3, s3_volume):
    """When the daemon dies its readers get an error, and nobody hangs; then the volume is mounted anew."""
    (s3.bucket("ring-price") / "file").write_bytes(b"x" * MIB)
    plugin = make_plugin()
    context, secrets = s3_volume("ring-price", transport="ring")
    path = plugin.mount("v", context, secrets)
    assert (path / "file").read_bytes() == b"x" * MIB
    lost = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    os.kill(plugin.daemon_pid(), signal.SIGKILL)
    harness.wait_until(lambda: plugin.daemon_pid() and plugin.ready(), what="the next daemon")
    with pytest.raises(OSError):
        os.open("other", os.O_RDONLY, dir_fd=lost)
    os.close(lost)
    assert "transport: ring" in plugin.log()
    harness.wait_until(lambda: harness.readable(path / "file"), what="the volume mounted anew")
    assert (path / "file").read_bytes() == b"x" * MIB


def test_it_must_be_switched_on(make_plugin, s3, s3_volume):
    if SWITCH.exists() and SWITCH.read_text().strip() == "Y":
        pytest.skip("it is switched on")
    s3.bucket("ring-off")
    with pytest.raises(grpc.RpcError) as refused:
        make_plugin().stage("v", *s3_volume("ring-off", transport="ring"))
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION and "enable_uring" in refused.value.details()
