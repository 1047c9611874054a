"""The plugin dies or is started again: its volumes are served on, and the next plugin goes on with them."""

import mmap
import os
import signal
import threading

import harness
import load

MIB = 1 << 20
PASSED = 'sluice_opens_total{path="passthrough"}'


def restart(plugin):
    """A plugin after a killed one; the daemon is the same."""
    daemon = plugin.daemon_pid()
    plugin.kill()
    plugin.start()
    assert plugin.daemon_pid() == daemon


def test_readers_do_not_notice(make_plugin, s3, s3_volume):
    want = load.large_files(s3.bucket("death"), count=8)
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 8MiB}]}}")  # half of it is always cold
    path = plugin.mount("v", *s3_volume("death"))
    held = open(path / "f00", "rb")
    m = mmap.mmap(held.fileno(), 0, prot=mmap.PROT_READ)
    with load.Load({path: want}) as readers:
        for _ in range(5):
            plugin.kill()
            before = readers.reads
            harness.wait_until(lambda: readers.reads > before + 5, what="reads without a plugin")
            plugin.start()
    assert readers.problems == []
    assert m[:] == want["f00"]
    m.close()
    held.close()


def test_the_next_plugin_has_everything(make_plugin, s3, s3_volume):
    bucket = s3.bucket("next")
    (bucket / "file").write_bytes(load.data(4 * MIB, 1))
    plugin = make_plugin()
    context, secrets = s3_volume("next")
    path = plugin.mount("v", context, secrets)
    plugin.sluice("prewarm", "v", "--wait")
    with open(path / "file", "rb") as f:  # passed through: its backing file is the next plugin's, too
        assert f.read() == load.data(4 * MIB, 1)
        restart(plugin)
        stats = plugin.node("NodeGetVolumeStats", plugin.messages.NodeGetVolumeStatsRequest(volume_id="v", volume_path=str(path)))
        assert not stats.volume_condition.abnormal and stats.volume_condition.message == "served"
        plugin.mount("v", context, secrets)  # what is staged and published stays so
        # The next plugin has what the next daemon needs: the descriptor, the credentials, the backing files.
        plugin.kill_daemon()
        f.seek(0)
        assert f.read() == load.data(4 * MIB, 1)
    plugin.sluice("evict", "v")
    assert (path / "file").read_bytes() == load.data(4 * MIB, 1)  # from the source, with the credentials
    # And ends it like its own.
    plugin.unmount("v")
    assert plugin.json("mounts").get("mounts", []) == []
    restart(plugin)
    assert plugin.json("mounts").get("mounts", []) == []


def test_a_volume_that_went_without_a_plugin(make_plugin, s3, s3_volume):
    """Its mount was taken away while no plugin was there: the daemon is told to forget it."""
    (s3.bucket("gone") / "file").write_bytes(b"x")
    plugin = make_plugin()
    context, secrets = s3_volume("gone")
    path = plugin.mount("v", context, secrets)
    assert (path / "file").read_bytes() == b"x"
    plugin.kill()
    for record in (plugin.state / "staged").rglob("*.json"):
        record.unlink()
    plugin.start()
    harness.wait_until(lambda: plugin.json("mounts").get("mounts", []) == [], what="the daemon to forget it")
    assert (plugin.mount("v", context, secrets) / "file").read_bytes() == b"x"


def test_a_plugin_that_ends_leaves_its_volumes(make_plugin, s3, s3_volume):
    want = load.data(3 * MIB, 4)
    (s3.bucket("left") / "file").write_bytes(want)
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("left"))
    daemon = plugin.daemon_pid()
    plugin.stop()
    assert plugin.daemon_pid() == daemon
    assert (path / "file").read_bytes() == want
    plugin.start()
    assert plugin.daemon_pid() == daemon
    plugin.unmount("v")
    plugin.stop()  # it serves nothing: nobody needs it
    assert plugin.daemon_pid() is None


def test_a_daemon_that_nobody_needs_ends(make_plugin):
    plugin = make_plugin()
    plugin.kill()
    harness.wait_until(lambda: plugin.daemon_pid() is None, seconds=60, what="the daemon's end")  # after half a minute alone


def test_plugins_take_turns(make_plugin, s3, s3_volume):
    """One that begins while another still ends waits for it, and takes over what it served."""
    (s3.bucket("turns") / "file").write_bytes(b"x")
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("turns"))
    old = plugin.process
    os.kill(old.process.pid, signal.SIGSTOP)
    harness.wait_until(lambda: harness.is_stopped(old.process.pid), what="a plugin that stands still")
    try:
        threading.Timer(1, lambda: os.kill(old.process.pid, signal.SIGKILL)).start()
        plugin.start()
    finally:
        old.process.wait()
    assert (path / "file").read_bytes() == b"x"
    plugin.unmount("v")


def test_passthrough_goes_on(make_plugin, s3, s3_volume):
    want = {f"f{i}": load.data(MIB, 10 + i) for i in range(4)}
    for name, content in want.items():
        (s3.bucket("passed") / name).write_bytes(content)
    plugin = make_plugin()
    path = plugin.mount("v", *s3_volume("passed", access="large-files"))
    plugin.sluice("prewarm", "v", "--wait")
    handle = open(path / "f0", "rb")
    restart(plugin)
    before = plugin.metric(PASSED)
    for name, content in want.items():  # f0 with the backing file that is open, the others with new ones
        assert (path / name).read_bytes() == content
    assert plugin.metric(PASSED) == before + 4
    assert plugin.metric("sluice_backing_files") == 4
    handle.close()
