"""A wall clock that is wrong, and one that jumps while volumes are read: libfaketime in the daemon, nobody else's clock.

Debian's library is preloaded by a script in the place of sluiced; the daemon reads from a file of its own how far its
wall clock is off, so that it jumps in a living process. Monotonic time is left alone, as the kernel does.
"""

import functools
import glob
import http.server
import os
import re
import shutil
import ssl
import subprocess
import threading
import time

import grpc
import pytest

import harness
import load

LIBRARY = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
DAY = 24 * 3600
MIB = 1 << 20
pytestmark = pytest.mark.skipif(harness.SANITIZED, reason="a sanitizer's runtime must be the first library")


class Clock:
    """The daemon's wall clock, as seconds from everybody else's."""

    def __init__(self, directory):
        self.directory = directory
        self.file = directory / "offset"
        self.set(0)

    def remove(self):
        harness.remove_directory(self.directory)
        for left in glob.glob("/dev/shm/*faketime_*"):  # of daemons that were killed
            if not os.path.exists(f"/proc/{left.rsplit('_', 1)[1]}/exe"):
                os.unlink(left)

    def set(self, seconds):
        new = self.directory / "new"
        new.write_text(f"{seconds:+d}\n")
        new.chmod(0o644)
        new.replace(self.file)



@pytest.fixture
def clock():
    directory = harness.new_directory("sluice-test-clock-")
    yield (clock := Clock(directory))
    clock.remove()


@pytest.fixture
def make_clocked(clock, make_plugin):
    """A plugin whose daemon goes by `clock`."""

    def make(config="pools: {default: {tiers: [{medium: ssd, quota: 64MiB}], source: {deadline: 5s}}}"):
        assert LIBRARY, "Debian's package libfaketime"
        shutil.copy(harness.BUILD / "bin" / "sluice-csi", clock.directory / "sluice-csi")
        daemon = clock.directory / "sluiced"
        daemon.write_text(f"""#!/bin/sh
export FAKETIME_TIMESTAMP_FILE={clock.file} FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1
export LD_PRELOAD={LIBRARY[0]}
exec {harness.BUILD}/bin/sluiced "$@"
""")
        daemon.chmod(0o755)
        return make_plugin(config, program=clock.directory / "sluice-csi")

    return make


def corrections(plugin):
    return plugin.metric("sluice_source_clock_corrections_total")


@pytest.mark.parametrize("off", [DAY, -DAY])
def test_a_clock_that_is_wrong_from_the_start(make_clocked, s3, s3_volume, clock, off):
    (s3.bucket("skewed") / "file").write_bytes(want := load.data(3 * MIB, 1))
    clock.set(off)
    plugin = make_clocked()
    path = plugin.mount("v", *s3_volume("skewed"))
    assert abs(plugin.metric("sluice_start_time_seconds") - time.time() - off) < 60, "the daemon's clock is off"
    assert os.listdir(path) == ["file"]
    assert (path / "file").read_bytes() == want
    assert corrections(plugin) == 1
    said = re.search(r"s3://skewed at \S+ refused this node's time; its clock is ([-+]\d+) s from ours", plugin.log())
    assert abs(int(said[1]) + off) < 60
    assert plugin.metric('sluice_source_errors_total{kind="permission_denied"}') == plugin.metric('sluice_source_errors_total{kind="other"}') == 0


def test_a_clock_that_jumps_under_load(make_clocked, s3, s3_volume, clock):
    """Half of it is always cold, so that requests are signed all the time."""
    bucket = s3.bucket("jumps")
    want = load.large_files(bucket, count=12) | load.small_files(bucket, count=60)
    plugin = make_clocked("pools: {default: {tiers: [{medium: ssd, quota: 12MiB}], source: {deadline: 5s}}}")
    path = plugin.mount("v", *s3_volume("jumps", consistency="eventual", metadataTtl="100ms"))
    with load.Load({path: want}) as readers:
        harness.wait_until(lambda: readers.reads > 10, what="reads")
        for n, off in enumerate([DAY, -DAY, 0], 1):
            clock.set(off)
            harness.wait_until(lambda: corrections(plugin) >= n, what="a correction")
            before = readers.reads
            harness.wait_until(lambda: readers.reads > before + 20, what="reads after the jump")
    assert readers.problems == []
    assert corrections(plugin) == 3, "one a jump, however many requests were under way"
    assert plugin.metric("sluice_daemon_restarts_total") == 0


@pytest.mark.parametrize("off", [DAY, -DAY])
def test_names_are_asked_for_again_after_a_jump(make_clocked, s3, s3_volume, clock, off):
    """Forward they are old at once; backward they do not stay new for as long as the jump."""
    s3.bucket("ages")
    s3.client().put_object(Bucket="ages", Key="file", Body=b"first")
    plugin = make_clocked()
    path = plugin.mount("v", *s3_volume("ages", consistency="eventual", metadataTtl="2s"))
    assert (path / "file").read_bytes() == b"first"
    s3.client().put_object(Bucket="ages", Key="file", Body=b"second, and longer")
    clock.set(off)
    time.sleep(2)  # for the kernel, too, which goes by the monotonic clock
    assert (path / "file").read_bytes() == b"second, and longer"


def test_certificates_are_judged_by_this_nodes_clock(make_clocked, clock):
    """Nobody else could say what time it is before it is known who speaks."""
    certificate, key = clock.directory / "ca.pem", clock.directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "5", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    shown = clock.directory / "shown"
    shown.mkdir()
    (shown / "file").write_text("text")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(shown)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = {"source": f"https://127.0.0.1:{server.server_address[1]}/file"}
    plugin = make_clocked(f"pools: {{default: {{tiers: [{{medium: ssd, quota: 64MiB}}], source: {{deadline: 5s, caFile: {certificate}}}}}}}")
    for off in (10 * DAY, -10 * DAY):
        clock.set(off)
        with pytest.raises(grpc.RpcError) as error:
            plugin.stage("v", source)
        assert error.value.code().name == "PERMISSION_DENIED" and "certificate" in error.value.details()
    clock.set(0)
    assert (plugin.mount("v", source) / "file").read_text() == "text"
    server.shutdown()
