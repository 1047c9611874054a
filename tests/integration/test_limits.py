"""Limits of a volume's own within its pool (the parameter `cache`): by bytes on the disk, beside a volume without any."""

import concurrent.futures
import contextlib
import json
import os
import random
import signal
import threading

import grpc
import pytest

import harness

MIB = 1 << 20
FILES = 8
FILE_BYTES = 6 * MIB
QUOTA = 20 * MIB
CONFIG = "pools: {default: {tiers: [{medium: ssd, quota: 1GiB}], source: {deadline: 5s}}}"


@pytest.fixture(scope="module")
def data(s3):
    """Two buckets of the same size; the files of the first by name."""
    choose = random.Random(43)
    files = {f"f{i}": choose.randbytes(FILE_BYTES) for i in range(FILES)}
    for bucket in ("limited", "others"):
        for name, content in files.items():
            (s3.bucket(bucket) / name).write_bytes(content)
    return files


@pytest.fixture
def plugin(make_plugin, data):
    return make_plugin(CONFIG)


@pytest.fixture
def mount(plugin, s3_volume):
    def of(bucket, cache=None, **parameters):
        context, secrets = s3_volume(bucket, **parameters)
        if cache is not None:
            context["cache"] = json.dumps(cache)
        return plugin.mount(bucket, context, secrets)

    return of


def limited_to(quota, **more):
    return {"ssd": {"quota": f"{quota // MIB}MiB", **more}}


def about(plugin, volume):
    return next(m for m in plugin.json("mounts")["mounts"] if m["volume_id"] == volume)


def cached_bytes(plugin, volume):
    return int(about(plugin, volume)["cached_bytes"]["ssd"])


def bytes_on_disk(plugin):
    """What the tier's files take, without what seals them (fs-verity's tree stands behind a file's end)."""
    total = 0
    for file in (plugin.state / "pools" / "default" / "ssd" / "objects").glob("??/*"):
        with contextlib.suppress(FileNotFoundError):
            total += min(file.stat().st_blocks * 512, file.stat().st_size)
    return total


def read_all(path, data, readers=4):
    def check(name):
        assert (path / name).read_bytes() == data[name]

    with concurrent.futures.ThreadPoolExecutor(readers) as pool:
        list(pool.map(check, data))


def test_a_quota_is_kept_under_load_and_other_volumes_keep_what_they_have(plugin, mount, data):
    limited, other = mount("limited", limited_to(QUOTA)), mount("others")
    read_all(other, data)
    others = FILES * FILE_BYTES
    harness.wait_until(lambda: cached_bytes(plugin, "others") == others, what="all of the other volume in the tier")
    most, done = 0, threading.Event()

    daemon = plugin.daemon_pid()

    def watch():
        """With the daemon stopped: a sum over files that change meanwhile is of no moment."""
        nonlocal most
        while not done.wait(0.01):
            os.kill(daemon, signal.SIGSTOP)
            try:
                harness.wait_until(lambda: harness.is_stopped(daemon), what="a daemon that stands still")
                most = max(most, bytes_on_disk(plugin))
            finally:
                os.kill(daemon, signal.SIGCONT)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(4):
            read_all(limited, data)
    finally:
        done.set()
        watcher.join()
    assert others + QUOTA // 2 < most <= others + QUOTA
    assert QUOTA // 2 < cached_bytes(plugin, "limited") <= QUOTA
    assert cached_bytes(plugin, "others") == others
    assert plugin.metric('sluice_volume_cached_bytes{tier="ssd",volume="others"}') == others
    shown = about(plugin, "limited")
    assert int(shown["limits"]["ssd"]["quota_bytes"]) == QUOTA and not shown["notes"]
    assert int(shown["hit_bytes"]) + int(shown["miss_bytes"]) >= FILE_BYTES
    assert "20.0 MiB" in plugin.sluice("mounts").stdout


def test_the_account_outlives_the_daemon(plugin, mount, data):
    limited = mount("limited", limited_to(QUOTA))
    read_all(limited, data)
    before = cached_bytes(plugin, "limited")
    plugin.kill_daemon()
    assert 0 < cached_bytes(plugin, "limited") <= before
    read_all(limited, data)
    assert bytes_on_disk(plugin) <= QUOTA


def test_a_volume_that_is_mounted_with_less_gives_up_the_rest(plugin, mount, data):
    read_all(mount("limited"), data)
    assert cached_bytes(plugin, "limited") == FILES * FILE_BYTES
    plugin.unmount("limited")
    assert bytes_on_disk(plugin) == FILES * FILE_BYTES
    path = mount("limited", limited_to(QUOTA))
    harness.wait_until(lambda: bytes_on_disk(plugin) <= QUOTA, what="the eviction of what is too much")
    assert cached_bytes(plugin, "limited") > QUOTA // 2
    read_all(path, data)


def test_a_volume_of_no_medium_is_read_and_not_cached(plugin, mount, data):
    read_all(mount("limited", {}), data)
    assert bytes_on_disk(plugin) == 0
    shown = about(plugin, "limited")
    assert not shown["cached"] and "every read goes to the source" in shown["notes"][0]
    job = plugin.sluice("prewarm", "limited", "--wait", check=False)
    assert job.returncode == 1 and "leaves it nothing of any tier" in job.stdout + job.stderr


def test_what_this_node_cannot_give_is_said_and_no_error(plugin, mount, data):
    mount("limited", {"dram": {"quota": "1GiB"}, "ssd": {"quota": "400GiB"}})
    shown = about(plugin, "limited")
    assert int(shown["limits"]["ssd"]["quota_bytes"]) == 1 << 30
    assert any("no such tier" in note for note in shown["notes"]) and any("1.00 GiB here" in note for note in shown["notes"])


def test_a_prewarm_and_a_native_publish_keep_to_the_limit(plugin, mount, data):
    mount("limited", limited_to(QUOTA), consistency="immutable")
    job = plugin.sluice("prewarm", "limited", "--publish-native", "--wait", check=False)
    assert job.returncode == 1 and "leaves it 19.0 MiB" in job.stdout + job.stderr
    assert cached_bytes(plugin, "limited") == 3 * FILE_BYTES, "what fits, and it stays"
    assert plugin.source_bytes() <= 4 * FILE_BYTES, "nothing is fetched in vain"
    assert about(plugin, "limited")["listed"] and int(about(plugin, "limited")["bytes"]) == FILES * FILE_BYTES


@pytest.mark.parametrize("cache, said", [
    ('{"sdd": {"quota": "1GiB"}}', "did you mean 'ssd'"),
    ('{"ssd": {"quota": "lots"}}', "'lots'"),
    ('{"ssd": {"quota": "1MiB"}}', "at least 4.00 MiB"),
    ('{"ssd": {"lowWatermark": "90%", "highWatermark": "70%"}}', "lower than highWatermark"),
    ("400GiB", "is no JSON object"),
])
def test_mistakes_are_named(plugin, s3_volume, cache, said):
    context, secrets = s3_volume("limited", cache=cache)
    with pytest.raises(grpc.RpcError) as error:
        plugin.stage("limited", context, secrets)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "'cache'" in error.value.details() and said in error.value.details()
