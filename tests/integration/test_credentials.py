"""Credentials that change under a mounted volume: the kubelet publishes again, with the Secret as it is now."""

import pathlib

import pytest

import harness
import load
from test_attached import make_attached  # noqa: F401
from test_csi import code
from test_restore import secrets_kept
from test_security import holds

MIB = 1 << 20
REQUESTS = "sluice_source_requests_total"
NEW_KEY = "another-secret-of-some-length-9876543210"


@pytest.fixture
def server():
    """An S3 server of the test's own, whose key changes, with a bucket of large files."""
    directory = harness.new_directory("sluice-s3-")
    server = harness.S3Server(directory)
    server.want = load.large_files(server.bucket("bucket"), count=4)
    yield server
    server.stop()
    harness.remove_directory(directory)


def volume(server, endpoint=None, **extra):
    context = {"source": "s3://bucket", "endpoint": endpoint or server.url, "consistency": "immutable", **extra}
    return context, {"accessKeyId": harness.ACCESS_KEY, "secretAccessKey": harness.SECRET_KEY}


def renewed(secrets, key=NEW_KEY):
    return {**secrets, "secretAccessKey": key}


def mounted(plugin, server):
    context, secrets = volume(server)
    return plugin.mount("v", context, secrets), context, secrets


def mount_id(path):
    return next(line.split()[0] for line in open("/proc/self/mountinfo") if line.split()[4] == str(path))


def test_open_files_go_on_with_a_new_key(make_plugin, server):
    plugin = make_plugin()
    path, context, secrets = mounted(plugin, server)
    before = mount_id(path)
    with open(path / "f00", "rb", buffering=0) as file:
        assert file.read(4096) == server.want["f00"][:4096]
        server.rotate(NEW_KEY)
        with pytest.raises(OSError):
            (path / "f01").read_bytes()
        plugin.publish("v", context, secrets=renewed(secrets))
        file.seek(0)
        assert file.readall() == server.want["f00"]
    assert {name: (path / name).read_bytes() for name in server.want} == server.want
    assert mount_id(path) == before


def test_what_is_known_or_absent_costs_nothing(make_plugin, server):
    plugin = make_plugin()
    path, context, secrets = mounted(plugin, server)
    (path / "f00").read_bytes()
    kept = [(file, file.stat().st_ctime_ns) for file in secrets_kept(plugin)]
    requests, calls = plugin.metric(REQUESTS), plugin.log().count("NodePublishVolume")
    for again in [secrets, {}, None]:
        plugin.publish("v", context, secrets=again)
    assert plugin.metric(REQUESTS) == requests
    assert [(file, file.stat().st_ctime_ns) for file in secrets_kept(plugin)] == kept
    assert "has new credentials" not in plugin.log() and plugin.log().count("NodePublishVolume") == calls


def test_a_volume_recovers_from_a_wrong_key(make_plugin, server):
    plugin = make_plugin()
    path, context, secrets = mounted(plugin, server)
    plugin.publish("v", context, secrets=renewed(secrets, "a-typo"))  # whoever may write the Secret may do so
    with pytest.raises(OSError):
        (path / "f00").read_bytes()
    plugin.publish("v", context, secrets=secrets)
    assert (path / "f00").read_bytes() == server.want["f00"]


def test_a_request_under_way_is_not_lost(make_plugin, server):
    """The new key comes while the server refuses the old one: no reader sees that."""
    plugin = make_plugin()
    proxy = harness.LyingServer(server.port)
    context, secrets = volume(server, proxy.url)
    path = plugin.mount("v", context, secrets)
    server.rotate(NEW_KEY)
    refusals = []

    def renew(request, reply):
        if reply["status"] == 403:
            refusals.append(request.path)
            plugin.publish("v", context, secrets=renewed(secrets))

    proxy.fault = renew
    try:
        assert (path / "f00").read_bytes() == server.want["f00"]
        assert refusals
    finally:
        proxy.stop()


def test_they_outlive_every_process(make_plugin, server):
    plugin = make_plugin()
    path, context, secrets = mounted(plugin, server)
    server.rotate(NEW_KEY)
    plugin.publish("v", context, secrets=renewed(secrets))
    plugin.kill_daemon()
    assert (path / "f00").read_bytes() == server.want["f00"]
    plugin.kill()
    plugin.start()
    plugin.kill_daemon()  # what the plugin hands it the daemon before had handed to the plugin
    assert (path / "f01").read_bytes() == server.want["f01"]
    plugin.kill_both()
    plugin.start()
    harness.wait_until(lambda: harness.readable(path / "f02"), what="the volume")
    assert (path / "f03").read_bytes() == server.want["f03"]


def test_what_was_replaced_is_nowhere(make_plugin, server):
    plugin = make_plugin()
    path, context, secrets = mounted(plugin, server)
    server.rotate(NEW_KEY)
    plugin.publish("v", context, secrets=renewed(secrets))
    assert (path / "f00").read_bytes() == server.want["f00"]
    [kept] = secrets_kept(plugin)
    assert NEW_KEY.encode() in kept.read_bytes() and harness.SECRET_KEY.encode() not in kept.read_bytes()
    assert kept.stat().st_mode & 0o077 == 0
    if not harness.SANITIZED:  # their allocators keep what is freed
        for pid in [plugin.process.process.pid, plugin.daemon_pid()]:
            harness.wait_until(lambda pid=pid: not holds(pid, harness.SECRET_KEY.encode()), what=f"the end of the old key in {pathlib.Path(f'/proc/{pid}/comm').read_text()}")
    assert NEW_KEY not in plugin.log() and all(NEW_KEY.encode() not in file.read_bytes() for file in (plugin.state / "staged").rglob("*.json"))


@pytest.mark.parametrize("wrong, words", [
    ({"secretAccessKey": NEW_KEY + "\n"}, "line break"),
    ({"secretAccesKey": NEW_KEY}, "did you mean 'secretAccessKey'"),
    ({"sessionToken": NEW_KEY * 1000}, "at most 8192"),
])
def test_a_secret_that_cannot_be_changes_nothing(make_plugin, server, wrong, words):
    plugin = make_plugin()
    path, context, secrets = mounted(plugin, server)
    name, message = code(lambda: plugin.publish("v", context, secrets={**secrets, **wrong}))
    assert name == "INVALID_ARGUMENT" and words in message and NEW_KEY not in message + plugin.log()
    assert (path / "f00").read_bytes() == server.want["f00"]


def test_the_daemon_is_away_meanwhile(make_attached, server):  # noqa: F811
    plugin = make_attached()
    pod = plugin.start_pod()
    path, context, secrets = mounted(plugin, server)
    pod.stop()
    server.rotate(NEW_KEY)
    plugin.publish("v", context, secrets=renewed(secrets))
    plugin.start_pod()
    assert (path / "f00").read_bytes() == server.want["f00"]
