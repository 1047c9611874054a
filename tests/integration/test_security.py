"""What the kernel says of the daemon's rights, and what other users of the node can do to it."""

import os
import pathlib
import subprocess

import grpc
import pytest

import harness

TWO_POOLS = """
pools:
  a: {uid: 61001, tiers: [{medium: ssd, quota: 64MiB}]}
  b: {uid: 61002, tiers: [{medium: ssd, quota: 64MiB}], source: {directories: [%s]}}
"""


def status_of(pid):
    return dict(line.rstrip("\n").split(":\t", 1) for line in open(f"/proc/{pid}/status") if ":\t" in line)


def as_user(uid, code, *arguments):
    """Runs Python code as a user without rights; its output."""
    done = subprocess.run(["/usr/bin/python3", "-c", code, *map(str, arguments)], user=uid, group=uid, extra_groups=[], capture_output=True, text=True, check=True)
    return done.stdout.strip()


OPEN = """
import sys
try:
    open(sys.argv[1], "rb").read(1)
    print("opened")
except OSError as error:
    print(error.strerror)
"""
CONNECT = """
import socket, sys
kind = {"stream": socket.SOCK_STREAM, "seqpacket": socket.SOCK_SEQPACKET}[sys.argv[2]]
try:
    connection = socket.socket(socket.AF_UNIX, kind)
    connection.connect(sys.argv[1])
    connection.settimeout(5)
    print("answered" if connection.recv(1) else "nothing")
except TimeoutError:
    print("nothing")
except OSError as error:
    print(error.strerror)
"""


def test_the_kernels_view_of_the_daemon(make_plugin):
    plugin = make_plugin()
    status = status_of(plugin.daemon_pid())
    assert set(status["Uid"].split()) == {"60480"} and set(status["Gid"].split()) == {"60480"} and status["Groups"].strip() == ""
    for kind in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]:
        assert int(status[kind], 16) == 0, kind
    assert status["NoNewPrivs"] == "1"
    confinement = plugin.json("status")["confinement"]
    if "sanitizers" in confinement:
        pytest.skip("seccomp and Landlock are off in a build with sanitizers")
    assert status["Seccomp"] == "2"
    assert "not dumpable" in confinement and "landlock" in confinement and "seccomp" in confinement


def holds(pid, secret):
    """Whether a process has the text anywhere in the memory that it may write."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            area, rights = line.split()[:2]
            start, end = (int(part, 16) for part in area.split("-"))
            if "w" not in rights:
                continue
            before = b""
            try:
                memory.seek(start)
                while part := memory.read(min(end - start, 16 << 20)):
                    if secret in before + part:
                        return True
                    before, start = part[-len(secret):], start + len(part)
            except OSError:  # a guard page, a ring
                pass
    return False


def test_credentials_go_with_the_volume(make_plugin, s3, s3_volume):
    plugin = make_plugin()
    if "sanitizers" in plugin.json("status")["confinement"]:
        pytest.skip("a build with sanitizers keeps what is freed for a while")
    (s3.bucket("wiped") / "file").write_bytes(b"x" * 1000)
    path = plugin.mount("v", *s3_volume("wiped"))
    assert (path / "file").read_bytes() == b"x" * 1000
    pids = {"daemon": plugin.daemon_pid(), "plugin": plugin.process.process.pid}
    secret = harness.SECRET_KEY.encode()
    assert all(holds(pid, secret) for pid in pids.values())
    plugin.unmount("v")
    for name, pid in pids.items():
        harness.wait_until(lambda pid=pid: not holds(pid, secret), what=f"the end of the {name}'s copies")


def test_the_plugin_keeps_what_it_needs(make_plugin):
    status = status_of(make_plugin().process.process.pid)
    needed = sum(1 << capability for capability in [0, 1, 3, 5, 6, 7, 8, 19, 21, 24])  # linux/capability.h; csi/privileges.cc has the reasons
    for kind in ["CapPrm", "CapEff", "CapBnd"]:
        assert int(status[kind], 16) & ~needed == 0, kind
    assert int(status["CapEff"], 16) & 1 << 21
    for kind in ["CapInh", "CapAmb"]:
        assert int(status[kind], 16) == 0, kind
    assert status["NoNewPrivs"] == "1"


def test_its_own_user_cannot_look_into_it(make_plugin):
    plugin = make_plugin()
    if "not dumpable" not in plugin.json("status")["confinement"]:
        pytest.skip("a build with sanitizers")
    for name in ["environ", "maps", "mem"]:
        assert as_user(60480, OPEN, f"/proc/{plugin.daemon_pid()}/{name}") == "Permission denied"


def test_the_brokers_socket_is_for_root(make_plugin):
    plugin = make_plugin()
    broker = plugin.state / "pools" / "default" / "broker.sock"
    assert as_user(61003, CONNECT, broker, "seqpacket") == "Permission denied"
    assert as_user(60480, CONNECT, broker, "seqpacket") == "nothing"  # its own user: the socket's file lets it, the daemon does not


def test_a_pool_has_nothing_of_another(make_plugin, s3, s3_volume):
    (s3.bucket("tenant") / "file").write_bytes(b"a tenant's own" * 1000)
    plugin = make_plugin(TWO_POOLS % "/")
    context, secrets = s3_volume("tenant", pool="a")
    path = plugin.mount("v", context, secrets)
    assert (path / "file").read_bytes()
    pool = plugin.state / "pools" / "a"
    harness.wait_until(lambda: any(f.is_file() for f in (pool / "ssd").rglob("*")), what="a cache file")
    files = [f for f in pool.rglob("*") if f.is_file()]
    assert files
    for file in files:
        assert as_user(61002, OPEN, file) == "Permission denied", file
    for name, kind in [("admin.sock", "stream"), ("broker.sock", "seqpacket")]:
        assert as_user(61002, CONNECT, pool / name, kind) == "Permission denied"
    for secret in plugin.run.rglob("*.json"):
        assert as_user(61002, OPEN, secret) == as_user(61001, OPEN, secret) == "Permission denied"


def test_file_sources_stay_in_their_directories(make_plugin, tmp_path):
    shown = harness.new_directory("sluice-test-shown-")
    try:
        for name in ["shown", "shown-not"]:
            (shown / name).mkdir(mode=0o755)
            (shown / name / "file").write_text("text")
        plugin = make_plugin(TWO_POOLS % (shown / "shown"))
        assert (plugin.mount("v", {"source": f"file://{shown}/shown", "pool": "b"}) / "file").read_text() == "text"
        for source in [shown / "shown-not", shown, shown / "shown" / ".." / "shown-not", pathlib.Path("/etc")]:
            with pytest.raises(grpc.RpcError) as refused:
                plugin.stage("w", {"source": f"file://{source}", "pool": "b"})
            assert refused.value.code() in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT)
        # A link in the directory is followed by nobody: Landlock refuses what is behind it.
        if "landlock" in plugin_status(plugin, "b"):
            os.symlink(shown / "shown-not", shown / "shown" / "link")
            with pytest.raises(grpc.RpcError):
                plugin.stage("w", {"source": f"file://{shown}/shown/link", "pool": "b"})
    finally:
        plugin.destroy()
        harness.remove_directory(shown)


def plugin_status(plugin, pool):
    return plugin.sluice("status", pool=pool).stdout
