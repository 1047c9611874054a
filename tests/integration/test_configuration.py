"""The configuration changes while its volumes are in use (`sluice upgrade`, `sluice config set`), and only then."""

import contextlib
import json
import os
import pathlib

import pytest

import harness
import load

MIB = 1 << 20
USED = 'sluice_tier_used_bytes{tier="ssd"}'


def pools(quota="64MiB", more="", tiers=""):
    return f"pools: {{default: {{tiers: [{{medium: ssd, quota: {quota}}}{tiers}]{more}}}}}"


def upgrade(plugin, check=True):
    return plugin.sluice("upgrade", "--csi-socket", str(plugin.endpoint), check=check)


def shown(plugin):
    return plugin.sluice("config", "show").stdout


@pytest.fixture
def served(make_plugin, s3, s3_volume):
    """A plugin, a volume's path, and what is in it: 36 MiB, cached."""
    want = load.large_files(s3.bucket("config"), count=12)
    plugin = make_plugin(pools())
    path = plugin.mount("v", *s3_volume("config"))
    plugin.sluice("prewarm", "v", "--wait")
    return plugin, path, want


def test_changes_take_effect_under_load(served):
    plugin, path, want = served
    assert plugin.metric(USED) > 16 * MIB
    with open(path / "f00", "rb") as held, load.Load({path: want}) as readers:
        plugin.config.write_text(pools("16MiB", ", limits: {fetches: 7}, scrub: {rate: 1MiB/s}", ", {medium: dram, quota: 8MiB}"))
        upgrade(plugin)
        text = shown(plugin)
        for line in ("quota: 16MiB", "fetches: 7", "rate: 1MiB/s", "medium: dram"):
            assert line in text
        harness.wait_until(lambda: plugin.metric(USED) <= 16 * MIB, what="what is beyond the quota leaves")
        plugin.config.write_text(pools())
        upgrade(plugin)
        assert "quota: 64MiB" in shown(plugin) and "medium: dram" not in shown(plugin)
        before = readers.reads
        harness.wait_until(lambda: readers.reads > before + 4, what="reads after the change")
        assert held.read() == want["f00"]
    assert readers.problems == []


@pytest.mark.parametrize("text, reason", [
    ("pools: {default: {polcy: lru}}", "did you mean 'policy'"),
    ("pools: {other: {}}", "has no pool 'default' any more"),
    ("pools: {default: {uid: 61234}}", "cannot become 61234:61234"),
], ids=["typo", "gone", "user"])
def test_a_configuration_that_is_none_changes_nothing(served, text, reason):
    plugin, path, want = served
    daemon = plugin.daemon_pid()
    plugin.config.write_text(text)
    refused = upgrade(plugin, check=False)
    assert refused.returncode != 0 and reason in refused.stderr
    assert plugin.daemon_pid() == daemon
    assert (path / "f01").read_bytes() == want["f01"]


def test_what_the_daemon_cannot_take_is_rolled_back(served):
    plugin, path, want = served
    plugin.config.write_text("pools: {default: {tiers: [{medium: ssd, quota: 64MiB, path: /nowhere/at/all}]}}")
    with open(path / "f00", "rb") as held:
        refused = upgrade(plugin, check=False)
        assert refused.returncode == 1 and "serves again" in refused.stderr
        plugin.kill_daemon()  # a crash applies nothing either
        assert "/nowhere" not in shown(plugin)
        assert held.read() == want["f00"]


def test_a_crash_applies_nothing(served):
    plugin, path, want = served
    plugin.config.write_text(pools("16MiB"))
    plugin.kill_daemon()
    assert "quota: 64MiB" in shown(plugin)


def test_the_next_plugin_applies_it(served):
    plugin, path, want = served
    with open(path / "f00", "rb") as held:
        plugin.kill()
        plugin.config.write_text(pools("32MiB"))
        plugin.start()
        harness.wait_until(lambda: plugin.daemon_pid() and plugin.ready() and "quota: 32MiB" in shown(plugin), what="the new configuration")
        assert held.read() == want["f00"]
        daemon = plugin.daemon_pid()
        plugin.kill()
        plugin.start()
        assert plugin.daemon_pid() == daemon  # nothing has changed


def test_the_daemon_does_not_write_its_own_configuration(served):
    """What it may read and write is told there."""
    plugin, _, _ = served
    file = plugin.state / "config/default.yaml"
    for path, mode in [(file, 0o644), (file.parent, 0o755)]:
        assert path.stat().st_uid == 0 and path.stat().st_mode & 0o777 == mode
    assert os.stat(plugin.state).st_uid == 0


# What `sluice config set` changes, and what the daemon shows then.
CHANGES = [
    (["tiers.ssd.quota=16MiB"], "quota: 16MiB"),
    (["tiers.ssd.quota=96MiB"], "quota: 96MiB"),
    (["tiers.ssd.highWatermark=60%", "tiers.ssd.lowWatermark=40%"], "highWatermark: 0.6"),
    (["policy=lru"], "policy: lru"),
    (["policy=w-tinylfu", "epochs=declared"], "epochs: declared"),
    (["limits.fetches=3", "limits.fetchSize=1MiB", "limits.fillMemory=16MiB"], "fetchSize: 1MiB"),
    (["limits.readAhead=0MiB", "limits.openFiles=64"], "openFiles: 64"),
    (["limits.sessionThreads=7"], "sessionThreads: 7"),
    (["limits.sessionThreads=1", "limits.pushMemory=0MiB"], "sessionThreads: 1"),
    (["scrub.rate=64MiB/s", "scrub.every=1s"], "every: 1s"),
    (["scrub.rate=0"], "rate: 0MiB/s"),
    (["logLevel=debug"], "logLevel: debug"),
]


def session_threads(plugin):
    tasks = pathlib.Path(f"/proc/{plugin.daemon_pid()}/task")
    return sum(readable_name(task).startswith("fuse-") for task in tasks.iterdir())


def readable_name(task):
    with contextlib.suppress(OSError):
        return (task / "comm").read_text()
    return ""


def read_on(readers):
    before = readers.reads
    harness.wait_until(lambda: readers.reads > before + 2, what="reads after the change")


def test_what_is_set_takes_effect_under_load(served):
    plugin, path, want = served
    daemon = plugin.daemon_pid()
    with open(path / "f00", "rb") as held, load.Load({path: want}) as readers:
        for change, line in CHANGES:
            plugin.sluice("config", "set", *change)
            assert line + "  # sluice config set" in shown(plugin)
            read_on(readers)
            if change == ["tiers.ssd.quota=16MiB"]:
                harness.wait_until(lambda: plugin.metric(USED) <= 16 * MIB, what="what is beyond the quota leaves")
                assert plugin.metric('sluice_tier_quota_bytes{tier="ssd"}') == 16 * MIB
            if change[0].startswith("limits.sessionThreads"):
                assert session_threads(plugin) == int(change[0].split("=")[1])
        plugin.sluice("config", "unset", "*")
        assert "#" not in shown(plugin)
        read_on(readers)
        assert session_threads(plugin) == 2
        assert held.read() == want["f00"]
    assert readers.problems == []
    assert plugin.daemon_pid() == daemon, "it was the same process all the time"


def test_what_is_set_is_there_after_a_restart(served):
    plugin, path, want = served
    plugin.sluice("config", "set", "tiers.ssd.quota=48MiB", "policy=lru")
    plugin.kill_daemon()
    text = shown(plugin)
    assert "quota: 48MiB  # sluice config set" in text and "policy: lru  # sluice config set" in text
    assert plugin.metric('sluice_tier_quota_bytes{tier="ssd"}') == 48 * MIB
    plugin.config.write_text(pools("80MiB", ", limits: {fetches: 9}"))
    upgrade(plugin)
    assert "quota: 48MiB" in shown(plugin) and "fetches: 9" in shown(plugin), "what is set is over what the file says"
    plugin.sluice("config", "unset", "tiers.ssd.quota")
    assert "quota: 80MiB" in shown(plugin) and "policy: lru" in shown(plugin)
    assert (path / "f01").read_bytes() == want["f01"]


def test_what_needs_a_start_is_said_and_done(served):
    plugin, path, want = served
    daemon = plugin.daemon_pid()
    said = plugin.sluice("config", "set", "io=threads").stdout
    assert "io takes effect when the daemon is started again" in said
    assert plugin.json("status")["file_io"] != "threads" and plugin.daemon_pid() == daemon
    with open(path / "f00", "rb") as held, load.Load({path: want}) as readers:
        plugin.sluice("config", "set", "--restart")
        harness.wait_until(lambda: plugin.daemon_pid() not in (None, daemon) and plugin.ready(), what="the next process")
        assert plugin.json("status")["file_io"] == "threads"
        read_on(readers)
        assert held.read() == want["f00"]
    assert readers.problems == []
    assert "takes effect" not in plugin.sluice("config", "set", "--restart").stdout


@pytest.mark.parametrize("change, code, words", [
    (["uid=5"], 1, "'uid' is for the plugin to decide"),
    (["tiers.ssd.path=/etc"], 1, "'tiers.ssd.path' is for the plugin to decide"),
    (["source.caFile=/etc/passwd"], 1, "sluice upgrade"),
    (["metrics.listen=0.0.0.0:80"], 1, "sluice upgrade"),
    (["tiers.hdd.quota=1GiB"], 1, "no hdd tier"),
    (["tiers.ssd.quota=100000TiB"], 2, "larger than its file system"),
    (["tiers.ssd.quota=lots"], 2, "quota"),
    (["tiers.ssd.lowWatermark=99%"], 2, "lower than highWatermark"),
    (["polcy=lru"], 2, "did you mean 'policy'"),
    (["policy=mru"], 2, "did you mean 'lru'"),
    (["policy"], 2, "KEY=VALUE"),
    (["policy=lru", "uid=5"], 1, "'uid'"),
], ids=lambda value: value[0] if isinstance(value, list) else "")
def test_what_cannot_be_set_changes_nothing(served, change, code, words):
    plugin, _, _ = served
    before = shown(plugin)
    refused = plugin.sluice("config", "set", *change, check=False)
    assert refused.returncode == code and words in refused.stderr, refused.stderr
    assert shown(plugin) == before
    assert not (plugin.state / "pools/default/overrides.yaml").exists()


def test_a_trial_changes_nothing(served):
    plugin, _, _ = served
    assert "policy: lru" in plugin.sluice("config", "set", "policy=lru", "--dry-run").stdout
    assert "policy: s3-fifo" in shown(plugin)
    assert plugin.sluice("config", "unset", "policy", check=False).returncode == 4
    assert json.loads(plugin.sluice("--output", "json", "config", "set", "policy=lru").stdout)["overrides"] == "policy: lru"


def test_what_the_file_makes_impossible_is_left_out(make_plugin):
    plugin = make_plugin(pools(tiers=", {medium: dram, quota: 16MiB}"))
    plugin.sluice("config", "set", "tiers.dram.highWatermark=70%", "tiers.dram.lowWatermark=60%", "policy=lru")
    plugin.config.write_text(pools())
    upgrade(plugin)
    notes = plugin.json("status")["notes"]
    assert len(notes) == 2 and all("no dram tier" in note for note in notes)
    assert "policy: lru" in shown(plugin) and plugin.ready()
    assert "note: 'tiers.dram" in plugin.sluice("status").stdout
    plugin.config.write_text(pools(tiers=", {medium: dram, quota: 16MiB}"))
    upgrade(plugin)
    assert "highWatermark: 0.7" in shown(plugin)


def test_a_daemon_cannot_widen_what_it_may_read(served):
    """Whoever took over a daemon may write its files. They say nothing of its confinement."""
    plugin, path, want = served
    (plugin.state / "pools/default/overrides.yaml").write_text("{policy: lru, source: {directories: [/, /root]}, uid: 1}")
    plugin.kill_daemon()
    assert "for the plugin to decide" in plugin.json("status")["notes"][0]
    assert "directories: [/]" in shown(plugin) and "policy: s3-fifo" in shown(plugin)
    assert (path / "f01").read_bytes() == want["f01"]
