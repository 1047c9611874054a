"""The plugin registers itself: a client that does with sockets in a directory what the kubelet does with plugins_registry."""

import subprocess

import grpc
import pytest

import attached
import harness
from test_attached import SYS_ADMIN, capabilities, make_attached  # noqa: F401

NAME = "sluice.csi.io-reg.sock"


class Kubelet:
    """Asks the socket that has appeared who it is, asks that driver about the node, and answers what is to be answered."""

    def __init__(self, directory):
        self.directory = directory
        self.socket = directory / NAME
        self.seen = None
        self.messages, self.stubs = harness.load_proto(harness.ROOT / "proto", "plugin_registration")

    def await_socket(self):
        """One that was not there before: the kubelet watches for files that appear."""
        def appeared():
            file = self.socket.stat() if self.socket.exists() else None
            return file and (file.st_ino, file.st_ctime_ns) != self.seen and file
        file = harness.wait_until(appeared, what="the registration socket")
        self.seen = file.st_ino, file.st_ctime_ns

    def register(self, refusal=None):
        """What the socket says, and the node's id as the driver tells it."""
        self.await_socket()
        with grpc.insecure_channel(f"unix://{self.socket}") as channel:
            stub = self.stubs.RegistrationStub(channel)
            info = stub.GetInfo(self.messages.InfoRequest(), timeout=1)
            messages, stubs = harness.load_csi()
            with grpc.insecure_channel(f"unix://{info.endpoint}") as driver:
                node = stubs.NodeStub(driver).NodeGetInfo(messages.NodeGetInfoRequest(), timeout=5)
            stub.NotifyRegistrationStatus(self.messages.RegistrationStatus(plugin_registered=refusal is None, error=refusal or ""), timeout=5)
        return info, node


@pytest.fixture
def kubelet():
    directory = harness.new_directory("sluice-registry-")
    directory.chmod(0o750)
    yield Kubelet(directory)
    harness.remove_directory(directory)


def flags(kubelet):
    return ["--registration-dir", str(kubelet.directory)]


def test_the_plugin_registers_itself(make_plugin, kubelet):
    plugin = make_plugin(arguments=flags(kubelet))
    info, node = kubelet.register()
    assert (info.type, info.name, info.endpoint) == ("CSIPlugin", "sluice.csi.io", str(plugin.endpoint))
    assert list(info.supported_versions) == ["1.0.0"] and node.node_id == "node-1"
    assert kubelet.socket.stat().st_mode & 0o077 == 0  # root's alone
    harness.wait_until(lambda: "the kubelet has registered" in plugin.log(), what="the word of it")
    plugin.stop()
    assert list(kubelet.directory.iterdir()) == []  # the driver has gone: the kubelet is to know
    plugin.start()
    kubelet.register()
    plugin.kill()
    assert kubelet.socket.exists()  # a stale one
    plugin.start()
    kubelet.register()


def test_a_refusal_is_told_and_tried_again(make_plugin, kubelet):
    plugin = make_plugin(arguments=flags(kubelet))
    kubelet.register(refusal="the words of the kubelet")
    kubelet.register()  # from a socket that appeared since
    assert "the words of the kubelet" in plugin.log()


def test_with_the_right_to_mount_alone(make_attached, kubelet):  # noqa: F811
    plugin = make_attached(arguments=flags(kubelet))
    assert capabilities(plugin.process.process.pid) == {SYS_ADMIN}
    kubelet.register(refusal="not yet")
    kubelet.register()
    plugin.stop()
    assert list(kubelet.directory.iterdir()) == []


REGISTRAR = """
import os, socket, sys, time
listener = socket.socket(socket.AF_UNIX)
os.unlink(sys.argv[1])
listener.bind(sys.argv[1])
listener.listen()
print("listens", flush=True)
time.sleep(1000)
"""


def test_beside_node_driver_registrar(make_plugin, kubelet):
    """That one takes the path for itself, and leaves it when it ends."""
    plugin = make_plugin(arguments=flags(kubelet))
    kubelet.register()
    registrar = subprocess.Popen(["/usr/bin/python3", "-c", REGISTRAR, kubelet.socket], stdout=subprocess.PIPE, text=True)
    try:
        assert registrar.stdout.readline() == "listens\n"
        registrars = kubelet.socket.stat().st_ino
        plugin.stop()
        assert kubelet.socket.stat().st_ino == registrars
        plugin.start()
        assert kubelet.socket.stat().st_ino == registrars and plugin.ready()
    finally:
        registrar.kill()
        registrar.wait()
    kubelet.seen = registrars, kubelet.socket.stat().st_ctime_ns
    kubelet.register()


def test_somebody_else_registers_it_by_default(make_plugin, kubelet):
    make_plugin()
    assert list(kubelet.directory.iterdir()) == []


def test_a_path_that_is_too_long(tmp_path):
    directory = harness.new_directory()
    deep = directory / ("d" * 90)
    deep.mkdir()
    try:
        done = subprocess.run([harness.BUILD / "bin/sluice-csi", "--endpoint", f"unix://{directory}/csi.sock", "--node-id", "n", "--state-dir", f"{directory}/state",
                               "--registration-dir", str(deep)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "--registration-dir" in done.stderr and "at most 107" in done.stderr
    finally:
        harness.remove_directory(directory)
