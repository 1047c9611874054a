"""The daemon is replaced while its volumes are in use; what cannot take its place leaves it there."""

import os
import shutil

import pytest

import harness
import load

MIB = 1 << 20
UPGRADES = int(20 * float(os.environ.get("SLUICE_KILLS", "1")))
SSD = "pools: {default: {tiers: [{medium: ssd, quota: 24MiB}]}}"


@pytest.fixture
def programs():
    """A directory in which to put programs of one's own."""
    directory = harness.new_directory("sluice-test-programs-")
    shutil.copy(harness.BUILD / "bin" / "sluice-csi", directory / "sluice-csi")
    shutil.copy(harness.BUILD / "bin" / "sluiced", directory / "sluiced")
    yield directory
    harness.remove_directory(directory)


def script(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return path


def upgrade(plugin, *arguments, check=True):
    return plugin.sluice("upgrade", "--csi-socket", str(plugin.endpoint), *arguments, check=check)


def program_of(plugin):
    return os.readlink(f"/proc/{plugin.daemon_pid()}/exe")


def test_readers_do_not_notice(make_plugin, s3, s3_volume, programs):
    want = load.large_files(s3.bucket("upgrades"))  # half of it is always cold
    plugin = make_plugin(SSD)
    path = plugin.mount("v", *s3_volume("upgrades"))
    held = open(path / "f00", "rb")
    with load.Load({path: want}) as readers:
        pauses = []
        for i in range(UPGRADES):
            old, before = plugin.daemon_pid(), readers.reads
            answer = plugin.json("upgrade", "--csi-socket", str(plugin.endpoint), *(["--program", str(programs / "sluiced")] if i % 2 else []))
            pauses.append(answer["pause_ms"])
            assert answer["volumes"] == 1 and plugin.daemon_pid() != old
            harness.wait_until(lambda: readers.reads > before + 4, what="reads after the upgrade")
    print("pauses in ms:", sorted(pauses))
    assert readers.problems == []
    assert held.read() == want["f00"]
    held.close()


def test_the_cache_stays_warm(make_plugin, s3, s3_volume):
    (s3.bucket("warm-upgrade") / "file").write_bytes(load.data(8 * MIB, 1))
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("warm-upgrade", consistency="immutable"))
    plugin.sluice("prewarm", "v", "--wait")
    assert "1 volumes" in upgrade(plugin).stdout
    assert (path / "file").read_bytes() == load.data(8 * MIB, 1)
    assert plugin.source_bytes() == 0


def test_the_new_program_stays(make_plugin, s3, s3_volume, programs):
    """Also after a crash, and whatever has become of its file since."""
    (s3.bucket("stays") / "file").write_bytes(b"x")
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("stays"))
    upgrade(plugin, "--program", str(programs / "sluiced"))
    assert program_of(plugin) == str(programs / "sluiced")
    script(programs / "next", "#!/bin/sh\nexit 1\n").replace(programs / "sluiced")
    plugin.kill_daemon()
    assert program_of(plugin) == f"{programs}/sluiced (deleted)"
    assert (path / "file").read_bytes() == b"x"


OTHER_PROTOCOL = """#!/usr/bin/python3
import os, socket, sys, time
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
path = f"{arguments['--state-dir']}/pools/{arguments['--pool']}/broker.sock"
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
if os.path.exists(path): os.unlink(path)
listener.bind(path)
listener.listen()
connection = listener.accept()[0]
connection.send(bytes([18, 2, 8, 99]))
time.sleep(60)
"""


@pytest.mark.parametrize("text, deadline, reason", [
    ("#!/bin/sh\nexit 3\n", "60", "exit status 3"),
    ("#!/bin/sh\nexec sleep 60\n", "1", "it does not serve after 1000 ms"),
    (OTHER_PROTOCOL, "60", "cannot take over"),
], ids=["ends", "hangs", "other-protocol"])
def test_one_that_cannot_serve_is_rolled_back(make_plugin, s3, s3_volume, programs, text, deadline, reason):
    (s3.bucket("rolled") / "file").write_bytes(load.data(3 * MIB, 5))
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("rolled"))
    before = program_of(plugin)
    with open(path / "file", "rb") as held:
        refused = upgrade(plugin, "--program", str(script(programs / "bad", text)), "--deadline", deadline, check=False)
        assert refused.returncode == 1 and f"{programs}/bad cannot take over" in refused.stderr and reason in refused.stderr and "serves again" in refused.stderr
        assert held.read() == load.data(3 * MIB, 5)
    assert program_of(plugin) == before
    assert "1 volumes" in upgrade(plugin).stdout  # as if nothing had been


def test_what_is_no_program_for_it(make_plugin, programs):
    plugin = make_plugin()
    daemon = plugin.daemon_pid()
    writable = script(programs / "writable", "#!/bin/sh\n")
    writable.chmod(0o777)
    for program, reason in [("/nowhere/sluiced", "No such file"), (str(programs), "it is no file"), (str(writable), "nobody else may write it")]:
        refused = upgrade(plugin, "--program", program, check=False)
        assert refused.returncode != 0 and reason in refused.stderr
    refused = upgrade(plugin, "--pool", "defautl", check=False)
    assert refused.returncode != 0 and "did you mean 'default'" in refused.stderr
    assert plugin.daemon_pid() == daemon


def test_a_plugin_of_another_version_brings_its_daemon(make_plugin, s3, s3_volume, programs):
    (s3.bucket("versions") / "file").write_bytes(load.data(2 * MIB, 6))
    current = (programs / "sluiced").read_bytes()
    version = harness.version()
    older = "0.9.0"
    # The compiler keeps a part of the text in its instructions.
    (programs / "sluiced").write_bytes(current.replace(version[:4].encode(), older[:4].encode()))
    plugin = make_plugin(program=programs / "sluice-csi")
    path = plugin.mount("v", *s3_volume("versions"))
    assert plugin.json("status")["version"] == older
    plugin.kill()
    (programs / "next").write_bytes(current)
    (programs / "next").chmod(0o755)
    (programs / "next").replace(programs / "sluiced")
    with open(path / "file", "rb") as held:
        plugin.start()
        harness.wait_until(lambda: plugin.daemon_pid() and plugin.ready() and plugin.json("status")["version"] == version, what="the plugin's own daemon")
        assert held.read() == load.data(2 * MIB, 6)
