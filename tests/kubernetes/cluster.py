"""A real Kubernetes node - etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, containerd, runc - in
mount, network, PID, IPC and UTS namespaces of its own. It has no route out, leaves the machine's settings, mounts and
addresses as they are, and ends whole, with its first process or with whoever started it.

    python tests/kubernetes/cluster.py [COMMAND...]     a command, or a shell, in a cluster that ends with it
"""

import contextlib
import os
import pathlib
import secrets
import shutil
import string
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import harness
import image

HERE = pathlib.Path(__file__).resolve().parent
HYPERKUBE = harness.ROOT / "build" / "kubernetes" / "bin" / "hyperkube"
PREFIX = "sluice-kubernetes-"
ADDRESS = "10.255.0.1"  # the node's; pods reach it, and servers that listen there
USERS = {  # file: user, group
    "admin": ("admin", "system:masters"),
    "controllers": ("system:kube-controller-manager", "system:authenticated"),
    "scheduler": ("system:kube-scheduler", "system:authenticated"),
    "kubelet": ("system:node:node1", "system:nodes"),
}
CERTIFICATE = f"""
[req]
distinguished_name=name
x509_extensions=extensions
prompt=no
[name]
CN=sluice-test
[extensions]
basicConstraints=critical,CA:TRUE
subjectAltName=IP:127.0.0.1,IP:{ADDRESS},IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc
"""
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: it
contexts: [{name: it, context: {cluster: it, user: it}}]
clusters: [{name: it, cluster: {server: "https://127.0.0.1:443", certificate-authority: $state/keys/server.crt}}]
users: [{name: it, user: {token: $token}}]
"""


def cgroup_roots():
    """The hierarchies: one of version 2, or one for each controller of version 1."""
    mounts = [line.split() for line in open("/proc/mounts")]
    return [pathlib.Path(path) for _, path, kind, *_ in mounts if kind in ("cgroup", "cgroup2")]


class Cluster:
    """Up from its making to `stop`."""

    def __init__(self):
        remove_leftovers()
        self.state = harness.new_directory(PREFIX)
        (self.state / "owner").write_text(str(os.getpid()))
        self.process = None
        try:
            self.write_settings()
            image.write_images(self.state / "images.tar")
            self.make_cgroups()
            self.start()
        except BaseException:
            self.stop()
            raise

    def write_settings(self):
        for name in ["log", "run", "keys", "network", "sysctl", "lib/kubelet", "lib/sluice"]:
            (self.state / name).mkdir(parents=True)
        for source, target in {"kubelet.yaml": "kubelet.yaml", "containerd.toml": "containerd.toml",
                               "network.conflist": "network/10-pods.conflist"}.items():
            self.write(target, (HERE / "node" / source).read_text(), name=self.state.name)
        self.write("keys/certificate.conf", CERTIFICATE)
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "365", "-config", "certificate.conf",
                     "-keyout", "server.key", "-out", "server.crt")
        self.openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "accounts.key")
        lines = []
        for file, (user, group) in USERS.items():
            token = secrets.token_hex()
            lines.append(f'{token},{user},{user},"{group}"\n')
            self.write(f"keys/{file}.yaml", KUBECONFIG, token=token)
        self.write("keys/tokens.csv", "".join(lines))

    def write(self, path, text, **values):
        (self.state / path).write_text(string.Template(text).substitute(values, state=self.state))

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.state / "keys", check=True, capture_output=True)

    def make_cgroups(self):
        for root in cgroup_roots():
            group = root / self.state.name
            group.mkdir()
            for file in ["cpuset.cpus", "cpuset.mems"]:  # of version 1: empty, and nothing can be in it
                if (root / file).exists():
                    (group / file).write_text((root / file).read_text())

    def start(self):
        # It is killed with this process, and its child, the first process of the namespaces, with it.
        self.process = harness.Process(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child=KILL",
             "--mount-proc", "--propagation", "private", HERE / "node" / "start"],
            self.state / "log" / "start.log", stdin=subprocess.DEVNULL, start_new_session=True,
            env=os.environ | {"STATE": str(self.state), "HYPERKUBE": str(HYPERKUBE), "ADDRESS": ADDRESS, "KUBECONFIG": str(self.state / "keys/admin.yaml")})
        ready = (self.state / "ready").exists
        harness.wait_until(lambda: ready() or self.process.process.poll() is not None, seconds=300, what="the cluster")
        if not ready():
            raise RuntimeError(f"the cluster did not start: {self.process.text()}")

    def enter(self, *namespaces):
        """The beginning of a command that goes into namespaces of the cluster."""
        parent = self.process.process.pid
        first = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().strip()
        return ["nsenter", "--target", first, *(f"--{namespace}" for namespace in namespaces)]

    def run(self, *command, **options):
        """Runs a command as on the node; its completed process."""
        environment = os.environ | {"HOME": str(self.state), "KUBECONFIG": str(self.state / "keys/admin.yaml"), "PATH": f"{HYPERKUBE.parent}:{os.environ['PATH']}"}
        return subprocess.run([*self.enter("mount", "net", "pid", "ipc", "uts"), f"--wd={os.getcwd()}", *command], env=environment, check=False, **options)

    def stop(self):
        if self.process:
            self.process.stop(how=9)
        remove_state(self.state)


def remove_state(state):
    """Of a cluster whose processes end, which takes the kernel a moment."""
    for root in cgroup_roots():
        harness.wait_until(lambda root=root: remove_cgroup(root / state.name), what=f"the end of {state.name} in {root}")
    shutil.rmtree(state)


def remove_cgroup(group):
    """True once it is gone, with those in it."""
    subprocess.run(["find", group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"], check=False, stderr=subprocess.DEVNULL)
    return not group.exists()


def remove_leftovers():
    """Of runs that were killed: their processes ended with them, their files did not."""
    for state in pathlib.Path("/var/tmp").glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # two that begin at the same time
            if not pathlib.Path("/proc", (state / "owner").read_text()).exists():
                remove_state(state)


if __name__ == "__main__":
    cluster = Cluster()
    try:
        sys.exit(cluster.run(*(sys.argv[1:] or [os.environ.get("SHELL", "sh")])).returncode)
    finally:
        cluster.stop()
