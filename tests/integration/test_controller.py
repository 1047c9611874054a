"""A cluster's controller: a process without any right that keeps nothing, and whose volumes every node can mount."""

import contextlib
import os
import shutil
import subprocess

import grpc
import pytest

import harness
from test_attached import capabilities
from test_csi import code

USER = 65532  # deploy/kubernetes/controller.yaml


class Controller:
    """In a directory that it may not write but for the socket's own, as with readOnlyRootFilesystem."""

    def __init__(self, directory, arguments=()):
        self.directory = directory
        self.sockets = directory / "csi"
        self.sockets.mkdir()
        os.chown(self.sockets, USER, USER)
        self.endpoint = self.sockets / "csi.sock"
        self.messages, self.stubs = harness.load_csi()
        self.process = harness.Process(["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all",
                                        harness.BUILD / "bin" / "sluice-csi", "--mode=controller", "--endpoint", f"unix://{self.endpoint}", *arguments], directory / "log")
        harness.wait_until(lambda: self.answers() or self.process.process.poll() is not None, what="the controller")

    def answers(self):
        with contextlib.suppress(grpc.RpcError):
            return self.call("Identity", "Probe").ready.value

    def call(self, service, name, /, **fields):
        with grpc.insecure_channel(f"unix://{self.endpoint}") as channel:
            stub = getattr(self.stubs, f"{service}Stub")(channel)
            return getattr(stub, name)(getattr(self.messages, f"{name}Request")(**fields), timeout=10)

    def capability(self):
        m = self.messages
        return m.VolumeCapability(mount=m.VolumeCapability.MountVolume(),
                                  access_mode=m.VolumeCapability.AccessMode(mode=m.VolumeCapability.AccessMode.MULTI_NODE_READER_ONLY))

    def create(self, name="pvc-1", **parameters):
        return self.call("Controller", "CreateVolume", name=name, volume_capabilities=[self.capability()], parameters=parameters).volume


@pytest.fixture
def controller():
    directory = harness.new_directory("sluice-controller-")
    made = Controller(directory)
    yield made
    made.process.stop()
    harness.remove_directory(directory)


@pytest.fixture
def data():
    directory = harness.new_directory("sluice-data-")
    (directory / "file").write_text("text")
    yield directory
    shutil.rmtree(directory)


def test_it_has_no_right_and_leaves_nothing(controller):
    pid = controller.process.process.pid
    controller.create(source="s3://bucket")
    assert all(not capabilities(pid, kind) for kind in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
    assert sorted(file.name for file in controller.directory.rglob("*")) == ["csi", "csi.sock", "log"]
    assert not open(f"/proc/{pid}/task/{pid}/children").read()
    controller.process.stop()
    assert list(controller.sockets.iterdir()) == []


def test_what_it_says_of_itself(controller):
    m = controller.messages
    assert controller.call("Identity", "Probe").ready.value
    assert controller.call("Identity", "GetPluginInfo").name == "sluice.csi.io"
    said = controller.call("Controller", "ControllerGetCapabilities").capabilities
    assert [c.rpc.type for c in said] == [m.ControllerServiceCapability.RPC.CREATE_DELETE_VOLUME]
    for service, name in [("Controller", "ListVolumes"), ("Controller", "GetCapacity"), ("Node", "NodeGetInfo")]:
        assert code(controller.call, service, name)[0] == "UNIMPLEMENTED"


def test_a_volume_is_what_the_request_says(controller):
    parameters = {"source": "s3://bucket/prefix", "pool": "team-a", "csi.storage.k8s.io/pvc/name": "claim"}
    first = controller.create("pvc-1", **parameters)
    assert (first.volume_id, dict(first.volume_context)) == ("pvc-1", {"source": "s3://bucket/prefix", "pool": "team-a"})
    controller.call("Controller", "DeleteVolume", volume_id="pvc-1")
    assert controller.create("pvc-1", **parameters) == first
    controller.call("Controller", "DeleteVolume", volume_id="of-another-controller")


@pytest.mark.parametrize("parameters, words", [
    ({}, "'source' is missing"),
    ({"source": "s3://b", "consistancy": "strong"}, "did you mean 'consistency'"),
    ({"source": "s3://b", "pool": "Team A"}, "small letters"),
])
def test_a_mistake_is_told_when_the_volume_is_made(controller, parameters, words):
    name, message = code(lambda: controller.create(**parameters))
    assert name == "INVALID_ARGUMENT" and words in message


def test_capabilities_are_judged_by_the_context(controller):
    def validate(**context):
        return controller.call("Controller", "ValidateVolumeCapabilities", volume_id="v", volume_capabilities=[controller.capability()], volume_context=context)
    assert validate(source="s3://b").confirmed.volume_context == {"source": "s3://b"}
    refused = validate(source="s4://b")
    assert not refused.HasField("confirmed") and "did you mean 's3'" in refused.message


def test_flags_of_a_node_are_refused(tmp_path):
    done = subprocess.run([harness.BUILD / "bin/sluice-csi", "--mode=controller", "--endpoint", f"unix://{tmp_path}/s", "--state-dir", str(tmp_path)],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "no other flag" in done.stderr


def test_a_node_without_that_pool_says_so(controller, plugin, data):
    volume = controller.create(source=f"file://{data}", pool="defualt")
    name, message = code(plugin.stage, volume.volume_id, dict(volume.volume_context))
    assert name == "INVALID_ARGUMENT" and "did you mean 'default'" in message


# What only a controller with a memory could know.
WITHOUT_MEMORY = ["already existing name and different capacity", "when the requested volume does not exist"]


def test_csi_sanity(controller, plugin, data, tmp_path):
    """Volumes that the controller makes are mounted by a node."""
    parameters = tmp_path / "parameters.yaml"
    parameters.write_text(f"source: file://{data}\n")
    done = subprocess.run([harness.DEPS / "bin/csi-sanity", f"--csi.endpoint=unix://{plugin.endpoint}", f"--csi.controllerendpoint=unix://{controller.endpoint}",
                           f"--csi.mountdir={plugin.directory}/sanity-target", f"--csi.stagingdir={plugin.directory}/sanity-staging",
                           f"--csi.testvolumeparameters={parameters}", f"--ginkgo.skip={'|'.join(WITHOUT_MEMORY)}"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:]
