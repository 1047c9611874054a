"""Volumes that are given other parameters while they are read."""

import json
import os
import subprocess
import threading

import grpc
import pytest

import harness
from test_mounts import SECRET, both, context, mount, other_s3, put, tree  # noqa: F401

ONE_KEY = {"accessKeyId": harness.ACCESS_KEY, "secretAccessKey": harness.SECRET_KEY}


def pairs(parameters):
    return [f"{key}={value}" for key, value in parameters.items()]


def change(plugin, volume, parameters, check=True):
    """Its reply, or what the command line says is wrong."""
    done = plugin.sluice("--output", "json", "volume", "set", volume, *pairs(parameters), check=check)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


@pytest.fixture(scope="module")
def versions(s3):
    """Two buckets that a dataset may show: files of the same names and sizes."""
    put(s3.bucket("version-1"), {"a": "one a", "d/b": "one b", "only-1": "x"})
    put(s3.bucket("version-2"), {"a": "two a", "d/b": "two b", "only-2": "x"})

    def parameters(bucket, **extra):
        return {"source": f"s3://{bucket}", "endpoint": s3.url, "consistency": "immutable", **extra}

    return parameters


def test_another_source_is_seen_at_once_by_whoever_looks(make_plugin, versions):
    plugin = make_plugin()
    path = plugin.mount("v", versions("version-1"), ONE_KEY)
    assert tree(path) == {"a": "one a", "d/b": "one b", "only-1": "x"}
    assert not (path / "only-2").exists()
    inside = os.open(path / "d", os.O_RDONLY | os.O_DIRECTORY)
    with open(path / "a") as before:
        assert change(plugin, "v", versions("version-2"))["mounted"]
        assert tree(path) == {"a": "two a", "d/b": "two b", "only-2": "x"}
        assert not (path / "only-1").exists() and (path / "only-2").exists()
        assert before.read() == "one a", "what is open and cached stays what it was"
        # And back: the cache still has it.
        fetched = plugin.source_bytes()
        assert change(plugin, "v", versions("version-1"))["mounted"]
        assert tree(path) == {"a": "one a", "d/b": "one b", "only-1": "x"}
        assert plugin.source_bytes() == fetched
    os.close(inside)


def test_a_change_outlives_daemon_plugin_and_mount(make_plugin, versions):
    plugin = make_plugin()
    path = plugin.mount("v", versions("version-1"), ONE_KEY)
    assert tree(path)["a"] == "one a"
    change(plugin, "v", versions("version-2"))
    plugin.kill_daemon()
    assert tree(path)["a"] == "two a"
    plugin.kill()
    plugin.start()
    plugin.kill_daemon()
    assert tree(path)["a"] == "two a"
    plugin.kill_both()
    plugin.start()
    harness.wait_until(lambda: harness.readable(path / "only-2"), what="the volume, mounted anew")
    plugin.unmount("v")
    path = plugin.mount("v", versions("version-1"), ONE_KEY)
    assert tree(path)["a"] == "two a", "whatever the plugin is told"
    plugin.stage("v", versions("version-1"), ONE_KEY)  # once more: nothing to do
    plugin.sluice("volume", "reset", "v")
    assert tree(path)["a"] == "two a"
    plugin.unmount("v")
    assert tree(plugin.mount("v", versions("version-1"), ONE_KEY))["a"] == "one a"


def test_a_volume_may_be_changed_before_it_is_mounted(make_plugin, versions):
    plugin = make_plugin()
    assert not change(plugin, "later", versions("version-2")).get("mounted")
    assert tree(plugin.mount("later", versions("version-1"), ONE_KEY))["a"] == "two a"


def test_mounts_come_and_go(make_plugin, both, s3):  # noqa: F811
    plugin = make_plugin()
    path = plugin.mount("v", context(*both), SECRET)
    assert sorted(tree(path)) == ["a", "deep/b", "eval/a", "eval/x/y"]
    fetched = plugin.source_bytes()
    change(plugin, "v", context(both[0]))
    assert tree(path) == {"a": "train a", "deep/b": "train b", "eval/hidden": "no"}
    change(plugin, "v", context(*both))
    assert tree(path) == {"a": "train a", "deep/b": "train b", "eval/a": "eval a", "eval/x/y": "eval x/y"}
    assert plugin.source_bytes() == fetched + len("no"), "what did not change is cached"
    change(plugin, "v", context(both[0], {**both[1], "path": "/elsewhere/eval"}))
    assert (path / "elsewhere/eval/a").read_text() == "eval a" and (path / "eval/hidden").read_text() == "no"


def test_what_cannot_be_changes_nothing(make_plugin, versions, s3):
    plugin = make_plugin()
    path = plugin.mount("v", versions("version-1"), ONE_KEY)
    assert tree(path)["a"] == "one a"
    for wrong, text in [({**versions("version-2"), "soruce": "x"}, "did you mean 'source'"), ({"consistency": "strong"}, "'source' is missing"),
                        (versions("no-such-bucket"), "s3://no-such-bucket"),
                        (context(mount("/", s3, "version-2", "other")), "the Secret has no key 'other.id'")]:
        assert text in change(plugin, "v", wrong, check=False)
    assert tree(path)["a"] == "one a"
    plugin.kill_daemon()
    assert tree(path)["a"] == "one a"
    reply = change(plugin, "v", versions("version-1", blockSize="2MiB", uid="7"))
    assert sorted(reply["unchanged"]) == ["blockSize", "uid"] and reply["mounted"]
    assert (path / "a").stat().st_uid == 0
    plugin.stage("v", versions("version-1"), ONE_KEY)  # once more, as it is
    plugin.unmount("v")
    assert (plugin.mount("v", versions("version-1"), ONE_KEY) / "a").stat().st_uid == 7


def test_consistency_changes(make_plugin, s3):
    bucket = s3.bucket("moving")
    put(bucket, {"a": "one"})
    plugin = make_plugin()
    parameters = {"source": "s3://moving", "endpoint": s3.url, "metadataTtl": "1h"}
    path = plugin.mount("v", parameters, ONE_KEY)
    assert tree(path) == {"a": "one"}
    put(bucket, {"a": "three", "b": "new"})
    assert tree(path) == {"a": "one"}
    change(plugin, "v", {**parameters, "consistency": "strong"})
    assert tree(path) == {"a": "three", "b": "new"}
    put(bucket, {"c": "newer"})
    assert "c" in tree(path)
    assert not change(plugin, "v", {**parameters, "consistency": "immutable"}).get("unchanged")
    assert "c" in tree(path)
    put(bucket, {"d": "newest"})
    assert "d" not in tree(path)
    # The kernel has its own listings of what never changes.
    assert change(plugin, "v", {**parameters, "consistency": "strong"})["unchanged"] == ["consistency"]
    assert "d" not in tree(path)
    plugin.unmount("v")
    path = plugin.mount("v", parameters, ONE_KEY)
    assert "d" in tree(path)
    put(bucket, {"e": "after that"})
    assert "e" in tree(path)


def test_limits_of_the_cache_change(make_plugin, versions):
    plugin = make_plugin()
    path = plugin.mount("v", versions("version-1"), ONE_KEY)
    assert tree(path)["a"] == "one a"
    change(plugin, "v", versions("version-1", cache='{"ssd": {"quota": "8MiB"}}'))
    shown = next(mount for mount in plugin.json("mounts")["mounts"] if mount["volume_id"] == "v")
    assert {medium: int(limit["quota_bytes"]) for medium, limit in shown["limits"].items() if int(limit["quota_bytes"])} == {"ssd": 8 << 20}


def test_readers_see_one_version_or_the_other(make_plugin, versions):
    """Under load: every file is of one source as a whole; nobody gets an error but for a name that the source lacks."""
    plugin = make_plugin()
    path = plugin.mount("v", versions("version-1"), ONE_KEY)
    stop, wrong, reads = threading.Event(), [], [0]

    def read():
        while not stop.is_set():
            try:
                texts = (path / "a").read_text(), (path / "d/b").read_text()
                if not {texts[0][:3], texts[1][:3]} <= {"one", "two"} or len(texts[0]) != 5:
                    wrong.append(texts)
                names = set(os.listdir(path))
                if not {"a", "d"} <= names:
                    wrong.append(names)
                reads[0] += 1
            except OSError as error:
                wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for round in range(12):
        change(plugin, "v", versions("version-2" if round % 2 == 0 else "version-1"))
        if round == 5:
            plugin.kill_daemon()
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong and reads[0] > 0, wrong[:3]
    assert tree(path)["a"] == "one a"
