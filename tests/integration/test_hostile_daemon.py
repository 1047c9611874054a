"""An attacker in the daemon's place gets nothing from the plugin but its own cache, and holds up nobody else."""

import json
import os
import pathlib
import shutil

import pytest

import harness
from test_csi import code

CONFIG = "pools: {default: {tiers: [{medium: ssd, quota: 64MiB}]}}"
OK, INVALID, NOT_FOUND, PERMISSION_DENIED, EXHAUSTED = 0, 3, 5, 7, 8
NO_FUSE = ["none", "two", "null", "file"]  # volumes that the attacker hands back with something else


@pytest.fixture
def attacked(s3):
    """A plugin whose daemon is attacker.py, and the attacker's tier."""
    directory = harness.new_directory()
    programs = directory / "bin"
    programs.mkdir(mode=0o755)
    shutil.copy(harness.BUILD / "bin" / "sluice-csi", programs / "sluice-csi")
    (programs / "sluiced").write_text(pathlib.Path(__file__).with_name("attacker.py").read_text().replace("@VERSION@", harness.version()))
    os.chmod(programs / "sluiced", 0o755)
    s3.bucket("attacked")
    plugin = harness.Plugin(directory, CONFIG, program=programs / "sluice-csi")
    tier = plugin.state / "pools" / "default" / "ssd"
    (tier / "root").write_text("an administrator's own")
    yield plugin, tier
    plugin.destroy()
    harness.remove_directory(directory)


def written(path):
    harness.wait_until(path.exists, seconds=60, what=f"the attacker's {path.name}")
    return json.loads(path.read_text())


def restart(plugin):
    plugin.kill()
    plugin.start()


def test_backing_files(attacked, s3_volume):
    """What the daemon's user may read, or could have the plugin read for it, is not shown through a volume."""
    plugin, tier = attacked
    plugin.stage("v", *s3_volume("attacked"))
    answers = written(tier / "report.json")
    assert answers.pop("a cache file") == [OK, True]
    assert answers.pop("the same inode again") == [OK, True]
    assert answers.pop("no descriptor") == [INVALID, False]
    assert answers.pop("two descriptors") == [INVALID, False]
    assert answers.pop("another volume") == [NOT_FOUND, False]
    assert answers.pop("one too many") == [EXHAUSTED, False]
    assert answers.pop("a flood") == [PERMISSION_DENIED, False]
    assert 0 < plugin.log().count("may not have") < 100  # it cannot fill the log
    assert set(answers) == {"a file of root", "a file of root in the tier", "its own program", "a directory", "a device", "a pipe", "a socket", "opened for writing",
                            "opened as a path", "a file elsewhere", "a file without a name", "a link to a file of root"}
    assert {name: answer for name, answer in answers.items() if answer != [PERMISSION_DENIED, False]} == {}


def test_changes_of_volumes(attacked, s3_volume):
    """It may have its own pool's volumes shown otherwise, which it could anyway; nobody else's, and not at any rate."""
    plugin, tier = attacked
    plugin.stage("v", *s3_volume("attacked"))
    answers = written(tier / "changes.json")
    assert answers == {"nonsense": [INVALID, False], "its own volume": [OK, True], "one of another pool": [OK, False],
                       "a flood": [EXHAUSTED, False]}
    assert {path.parent.name for path in (plugin.state / "changed").rglob("*.json")} == {"default"}, "only where its own pool looks"


def test_what_it_says_it_serves(attacked, s3_volume):
    """A plugin that begins believes its own records: it takes back FUSE descriptors of staged volumes, and nothing else."""
    plugin, tier = attacked
    volume = s3_volume("attacked")
    for name in [*NO_FUSE, "v"]:
        plugin.stage(name, *volume)
    written(tier / "report.json")
    restart(plugin)
    told = written(tier / "told.json")
    assert set(told) >= {*NO_FUSE, "stranger", "stranger-0"} and "v" not in told
    assert len(told) <= 1024
    plugin.stage("v", *volume)  # with the parameters of the record, not with the attacker's
    harness.wait_until(lambda: all(f"volume {name} was lost with its daemon: it is mounted anew" in plugin.log() for name in NO_FUSE), what="the lost volumes")
    assert "volume v was lost" not in plugin.log()


def test_credentials_that_it_refused_are_handed_to_it_again(attacked, s3_volume):
    """By the next call that brings them, though they are no others than those before."""
    plugin, tier = attacked
    context, secrets = s3_volume("attacked")
    plugin.stage("v", context, secrets)
    written(tier / "report.json")
    fresh = {**secrets, "secretAccessKey": "another"}
    name, message = code(lambda: plugin.publish("v", context, secrets=fresh))
    assert name == "INTERNAL" and "the new credentials of volume v" in message and "another" not in message
    for _ in range(3):
        plugin.publish("v", context, secrets=fresh)
    assert written(tier / "renewed.json") == 2
    plugin.publish("v", context, secrets={**secrets, "secretAccessKey": "third"})
    assert written(tier / "renewed.json") == 4, "a change of the volume while they are handed over: again, in the form that it asks for"


def test_one_that_reads_nothing(attacked, s3_volume):
    """The plugin does not wait for it for ever, and has another daemon in its place."""
    plugin, tier = attacked
    plugin.stage("v", *s3_volume("attacked"))
    written(tier / "report.json")
    for _ in range(2):
        restart(plugin)
    deaf = written(tier / "deaf.json")
    harness.wait_until(lambda: plugin.daemon_pid() not in (None, deaf), seconds=60, what="another daemon")
    harness.wait_until(plugin.ready, what="its answer")
