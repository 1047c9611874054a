"""Several sources in one volume, each at its path and with credentials of its own."""

import json
import os
import pathlib

import grpc
import pytest

import harness


@pytest.fixture(scope="module")
def other_s3():
    """A second server, with another key: what the first one's key must not open."""
    directory = harness.new_directory("sluice-s3-")
    server = harness.S3Server(directory)
    server.rotate("another-secret-of-some-length-9876543210")
    yield server
    server.stop()
    harness.remove_directory(directory)


SECRET = {"train.id": harness.ACCESS_KEY, "train.key": harness.SECRET_KEY,
          "eval.id": harness.ACCESS_KEY, "eval.key": "another-secret-of-some-length-9876543210", "nobody's": "x y"}


def put(bucket, files):
    for name, text in files.items():
        (bucket / name).parent.mkdir(parents=True, exist_ok=True)
        (bucket / name).write_text(text)


def mount(path, server, bucket, keys, **extra):
    credentials = {"accessKeyId": f"{keys}.id", "secretAccessKey": f"{keys}.key"}
    return {"path": path, "source": f"s3://{bucket}", "endpoint": server.url, "credentials": credentials, **extra}


def context(*mounts, **extra):
    return {"mounts": json.dumps(mounts), **extra}


def tree(path):
    return {str(file.relative_to(path)): file.read_text() for file in path.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def both(s3, other_s3):
    put(s3.bucket("train"), {"a": "train a", "deep/b": "train b", "eval/hidden": "no"})
    put(other_s3.bucket("eval"), {"a": "eval a", "x/y": "eval x/y"})
    return mount("/", s3, "train", "train"), mount("/eval", other_s3, "eval", "eval")


def test_each_source_is_at_its_path(plugin, both):
    path = plugin.mount("both", context(*both), SECRET)
    assert tree(path) == {"a": "train a", "deep/b": "train b", "eval/a": "eval a", "eval/x/y": "eval x/y"}
    assert os.getxattr(path / "eval/a", "user.sluice.source") == b"s3://eval/a"
    assert os.getxattr(path / "deep/b", "user.sluice.source") == b"s3://train/deep/b"
    shown = next(mount for mount in plugin.json("mounts")["mounts"] if mount["volume_id"] == "both")
    assert shown["source"] == "s3://train at /, s3://eval at /eval"
    plugin.unmount("both")


def test_directories_between_are_made_up(plugin, both, s3):
    path = plugin.mount("deep", context({**both[0], "path": "/data/train"}, {**both[1], "path": "/data/eval"}), SECRET)
    assert sorted(os.listdir(path)) == ["data"] and sorted(os.listdir(path / "data")) == ["eval", "train"]
    assert (path / "data/train/deep/b").read_text() == "train b"
    with pytest.raises(FileNotFoundError):
        os.stat(path / "data/other")
    plugin.unmount("deep")


def test_it_outlives_its_daemon_and_its_plugin(make_plugin, both):
    plugin = make_plugin()
    path = plugin.mount("both", context(*both), SECRET)
    with open(path / "eval/a") as file:
        plugin.kill_daemon()
        assert file.read() == "eval a" and (path / "deep/b").read_text() == "train b"
        plugin.kill()
        plugin.start()
        plugin.kill_daemon()
        assert (path / "eval/x/y").read_text() == "eval x/y"
    plugin.kill_both()
    plugin.start()
    harness.wait_until(lambda: harness.readable(path / "eval/x/y"), what="the volume, mounted anew")
    assert tree(path)["a"] == "train a"


def test_a_source_that_fails_is_named_and_fails_the_mount(plugin, both, s3):
    wrong = {"mount '/eval': the Secret has no key 'eval.key'; it has eval.id, train.id, train.key": {**SECRET, "eval.key": ""},
             "s3://eval": {**SECRET, "eval.key": "wrong"}}
    for text, secret in wrong.items():
        with pytest.raises(grpc.RpcError) as error:
            plugin.mount("wrong", context(*both), {key: value for key, value in secret.items() if value and " " not in value})
        assert text in error.value.details(), error.value.details()
    missing = mount("/none", s3, "no-such-bucket", "train")
    with pytest.raises(grpc.RpcError) as error:
        plugin.mount("wrong", context(both[0], missing), SECRET)
    assert "s3://no-such-bucket" in error.value.details() and error.value.code() == grpc.StatusCode.NOT_FOUND


def test_each_mount_gets_its_own_keys_renewed(make_plugin, both, other_s3):
    plugin = make_plugin()
    volume = context(*both, consistency="strong")
    path = plugin.mount("both", volume, SECRET)
    assert (path / "eval/a").read_text() == "eval a"
    old = SECRET["eval.key"]
    other_s3.rotate("a-third-secret-of-some-length-456789012")
    try:
        with pytest.raises(OSError):
            os.listdir(path / "eval/x")
        assert (path / "deep/b").read_text() == "train b", "the other source is none the worse"
        plugin.publish("both", volume, secrets={**SECRET, "eval.key": "a-third-secret-of-some-length-456789012"})
        assert os.listdir(path / "eval/x") == ["y"]
        plugin.publish("both", volume, secrets=None)
        assert os.listdir(path / "eval/x") == ["y"], "publishing without a Secret takes nothing away"
    finally:
        other_s3.rotate(old)


def test_the_cache_is_the_volumes_own_and_stays(make_plugin, both):
    plugin = make_plugin()
    path = plugin.mount("both", context(*both), SECRET)
    assert len(tree(path)) == 4
    fetched = plugin.source_bytes()
    plugin.unmount("both")
    path = plugin.mount("both", context(*both), SECRET)
    assert len(tree(path)) == 4 and plugin.source_bytes() == fetched


def test_no_secret_is_written_where_others_read(make_plugin, both):
    plugin = make_plugin()
    plugin.mount("both", context(*both), SECRET)
    assert not [file for file in pathlib.Path(plugin.directory).rglob("*")
                if file.is_file() and not file.is_symlink() and "run" not in file.parts
                and SECRET["eval.key"].encode() in file.read_bytes()]
