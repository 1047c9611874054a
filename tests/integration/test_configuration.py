"""The configuration changes while its volumes are in use (`sluice upgrade`), and only then."""

import os

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
