"""A plugin that starts no daemon, and daemons in pods of their own: mount and PID namespaces, a user without any
right, and of the plugin's directories what the plugin shows them as inline volumes."""

import contextlib
import os
import pathlib
import shlex
import signal
import subprocess

import grpc

import harness

CONFIG = """
pools:
  default:
    attached: {namespace: sluice-system, serviceAccount: sluice-daemon}
    tiers:
      - {medium: dram, quota: 64MiB}
      - {medium: ssd, quota: 1GiB}
    source: {deadline: 5s}
"""
USER = 60480


class Plugin(harness.Plugin):
    """Ready when it answers: its daemon comes later."""

    def __init__(self, directory, config=CONFIG, arguments=(), **options):
        self.pods = []
        state = pathlib.Path(directory) / "state"
        state.mkdir(mode=0o755)
        # As with 'mountPropagation: Bidirectional': what is mounted and unmounted below it is so for others, too.
        subprocess.run(["mount", "--bind", state, state], check=True)
        subprocess.run(["mount", "--make-shared", state], check=True)
        super().__init__(directory, config, arguments, **options)

    def ready(self):
        with self.channel() as channel:
            try:
                answer = self.stubs.IdentityStub(channel).Probe(self.messages.ProbeRequest(), timeout=2)
                return answer.ready.value if self.pods else True
            except grpc.RpcError:
                return False

    def publish_directory(self, directory, name="daemon", namespace="sluice-system", account="sluice-daemon", **attributes):
        """What the kubelet does for an inline volume; the target path."""
        m = self.messages
        target = self.directory / f"inline-{name}-{directory}"
        self.node("NodePublishVolume", m.NodePublishVolumeRequest(
            volume_id=f"csi-{name}-{directory}", target_path=str(target),
            volume_capability=m.VolumeCapability(mount=m.VolumeCapability.MountVolume(),
                                                 access_mode=m.VolumeCapability.AccessMode(mode=m.VolumeCapability.AccessMode.SINGLE_NODE_WRITER)),
            volume_context={"directory": directory, "csi.storage.k8s.io/ephemeral": "true", "csi.storage.k8s.io/pod.namespace": namespace,
                            "csi.storage.k8s.io/serviceAccount.name": account, **attributes}))
        return target

    def start_pod(self, wait=True):
        pod = Pod(self, f"pod{len(self.pods)}")
        self.pods.append(pod)
        if wait:
            harness.wait_until(self.ready, what="the pod's daemon")
        return pod

    def daemon_pid(self, pool="default"):
        pids = [pod.daemon_pid() for pod in self.pods]
        return next((pid for pid in pids if pid), None)

    def destroy(self):
        for pod in self.pods:
            pod.stop(signal.SIGKILL)
        super().destroy()


class Pod:
    """The daemon's pod. What is at its state directory is what the plugin published, and nothing else."""

    def __init__(self, plugin, name, program=harness.BUILD / "bin" / "sluiced"):
        targets = {directory: plugin.publish_directory(directory, name) for directory in ["pool", "config"]}
        state = shlex.quote(str(plugin.state))
        script = f"""
            set -e
            mount -t tmpfs -o mode=0755 hidden {state}
            mkdir -p {state}/pools/default {state}/config
            mount --rbind {targets["pool"]} {state}/pools/default
            mount --rbind {targets["config"]} {state}/config
            exec setpriv --reuid {USER} --regid {USER} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \\
                {program} --attached --state-dir {state} --config {state}/config/default.yaml
        """
        self.process = harness.Process(["unshare", "--mount", "--propagation", "slave", "--pid", "--mount-proc", "--fork", "--kill-child", "sh", "-c", script],
                                       f"{plugin.directory}/{name}.log")

    def pids(self):
        """Of the container's processes, the first one first."""
        children = pathlib.Path(f"/proc/{self.process.process.pid}/task/{self.process.process.pid}/children")
        with contextlib.suppress(OSError):
            first = [int(pid) for pid in children.read_text().split()]
            return first + [int(pid) for parent in first for pid in pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
        return []

    def daemon_pid(self):
        """The process that serves; none before the container's first one has started it."""
        pids = self.pids()
        return pids[1] if len(pids) > 1 and b"sluiced" in pathlib.Path(f"/proc/{pids[0]}/cmdline").read_bytes() else None

    def stop(self, how=signal.SIGTERM):
        """As the kubelet does it: a signal to the first process."""
        if pids := self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pids[0], how)
        self.process.stop(signal.SIGKILL if how == signal.SIGKILL else signal.SIGCONT)
