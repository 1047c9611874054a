"""The real programs under test: a plugin with its daemon, an S3 server, a fault proxy.

Every server listens on loopback or on a unix socket in a directory of its own, and is stopped by the process id that
was started; whatever a test mounts below its directory is unmounted at the end.
"""

import atexit
import contextlib
import functools
import importlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build" / "dev"))
SANITIZED = any(name in BUILD.name for name in ["asan", "tsan"])  # several times the memory, and slow
DEPS = ROOT / "build" / "deps"
ACCESS_KEY = "AKIDEXAMPLE000000000"
SECRET_KEY = "a-secret-of-some-length-0123456789"

if not all(path.stat().st_mode & 1 for path in [BUILD, *BUILD.resolve().parents]):
    # The daemon's user may not go there, as in a clone below /root: a copy, with the library that lies there.
    copy = pathlib.Path(tempfile.mkdtemp(prefix="sluice-build-", dir="/var/tmp"))
    copy.chmod(0o755)
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    shutil.copytree(BUILD / "bin", copy / "bin")
    shutil.copytree(DEPS / "fuse" / "lib", copy / "lib", symlinks=True)
    BUILD = copy


@functools.cache
def load_proto(directory, name):
    """The messages and stubs of directory/name.proto, made once per process. Returns (messages, stubs)."""
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory(prefix="sluice-stubs-") as out:
        code = protoc.main(["protoc", f"-I{directory}", f"-I{pathlib.Path(grpc.__file__).parents[1] / 'grpc_tools' / '_proto'}",
                            f"--python_out={out}", f"--grpc_python_out={out}", f"{name}.proto"])
        assert code == 0
        sys.path.insert(0, out)
        try:
            return importlib.import_module(f"{name}_pb2"), importlib.import_module(f"{name}_pb2_grpc")
        finally:
            sys.path.remove(out)


def load_csi():
    return load_proto(DEPS / "proto" / "csi", "csi")


def wait_until(condition, seconds=20, what="condition"):
    """Polls `condition` until it is true; its last value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {seconds} s")
        time.sleep(0.02)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def unmount_below(directory):
    for _ in range(8):
        paths = [line.split()[4] for line in open("/proc/self/mountinfo") if line.split()[4].startswith(str(directory))]
        if not paths:
            return
        for path in reversed(paths):
            subprocess.run(["umount", "-l", path], check=False, stderr=subprocess.DEVNULL)


def version():
    """The project's, which its programs say is theirs."""
    line = next(line for line in (ROOT / "CMakeLists.txt").read_text().splitlines() if line.startswith("project("))
    return line.split("VERSION")[1].split()[0]


def readable(path):
    """Whether a file can be read, by now."""
    try:
        return bool(pathlib.Path(path).read_bytes())
    except OSError:
        return False


class Process:
    """A server that is stopped by its process id."""

    SANITIZER_REPORT = re.compile(r"(WARNING: ThreadSanitizer|ERROR: \w+Sanitizer|\w+Sanitizer: CHECK|: runtime error:).*?(SUMMARY: .*?\n|\Z)", re.DOTALL)
    unread = []  # what was written to the logs since the last look; a log can be read when its directory has gone

    def __init__(self, arguments, log, **options):
        self.log = pathlib.Path(log)
        self.log.touch()
        written = open(log, errors="replace")
        written.seek(0, os.SEEK_END)
        Process.unread.append((self, written))
        self.process = subprocess.Popen(arguments, stdout=open(log, "ab"), stderr=subprocess.STDOUT, **options)

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def text(self):
        return self.log.read_text(errors="replace")

    @classmethod
    def sanitizer_reports(cls):
        """What sanitizers reported in any server's log since the last call. A server that ends by it is started again
        by whoever supervises it, and readers see a delay: so nobody else would notice."""
        reports = []
        for entry in list(cls.unread):
            ended = entry[0].process.poll() is not None  # before the log is read
            reports += [match[0] for match in cls.SANITIZER_REPORT.finditer(entry[1].read())]
            if ended:
                entry[1].close()
                cls.unread.remove(entry)
        return reports


def is_stopped(pid):
    """SIGSTOP takes its time: all threads are, but the kernel's own for io_uring."""
    states = [(task / "stat").read_text().rsplit(")", 1) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    return all(rest.split()[0] == "T" for name, rest in states if "(iou-" not in name)


class S3Server(Process):
    """versitygw over a directory: checks signatures and If-Match. `within` begins a command that goes where it shall run."""

    def __init__(self, directory, arguments=(), address="127.0.0.1", within=()):
        self.root = pathlib.Path(directory) / "s3"
        self.root.mkdir()
        self.port = free_port()
        self.url = f"http://{address}:{self.port}"
        self.address, self.within, self.arguments = address, within, arguments
        self.start(SECRET_KEY)

    def start(self, secret):
        super().__init__([*self.within, DEPS / "bin" / "versitygw", "--port", f"{self.address}:{self.port}", "--access", ACCESS_KEY, "--secret",
                          secret, "--keep-alive", "--quiet", "--health", "/healthz", *self.arguments, "posix", str(self.root)],
                         f"{self.root.parent}/s3.log")
        wait_until(self.answers, what="versitygw")

    def rotate(self, secret):
        """From now on this secret belongs to the access key, and no other."""
        self.stop()
        self.start(secret)

    def answers(self):
        try:
            return urllib.request.urlopen(f"{self.url}/healthz", timeout=1).status == 200
        except OSError:
            return False

    def bucket(self, name):
        path = self.root / name
        path.mkdir(exist_ok=True)
        return path

    def client(self):
        import boto3
        from botocore.config import Config

        return boto3.client("s3", endpoint_url=self.url, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
                            region_name="us-east-1", config=Config(request_checksum_calculation="when_required"))


class FaultProxy(Process):
    """toxiproxy in front of a server: `toxic` adds a fault, `clear` takes all away."""

    def __init__(self, directory, upstream_port):
        self.api = free_port()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__([DEPS / "bin" / "toxiproxy-server", "-host", "127.0.0.1", "-port", str(self.api)], f"{directory}/proxy.log")
        wait_until(lambda: self.call("GET", "/version"), what="toxiproxy")
        self.call("POST", "/proxies", {"name": "s3", "listen": f"127.0.0.1:{self.port}", "upstream": f"127.0.0.1:{upstream_port}", "enabled": True})

    def call(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.api}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(), headers={"User-Agent": "sluice-test"})
        try:
            return urllib.request.urlopen(request, timeout=2).read() or b"ok"
        except urllib.error.HTTPError:
            raise
        except OSError:
            return None

    def toxic(self, kind, stream="downstream", toxicity=1.0, **attributes):
        self.call("POST", "/proxies/s3/toxics", {"type": kind, "name": f"{kind}-{stream}", "stream": stream, "toxicity": toxicity, "attributes": attributes})

    def enable(self, on):
        self.call("POST", "/proxies/s3", {"enabled": on})

    def clear(self):
        self.call("POST", "/reset")


class LyingServer:
    """An HTTP proxy in front of the S3 server that misbehaves on command: `fault(request, reply)` may change each reply.

    reply: {"status", "headers", "body"}; the fault may also return "truncate": bytes to send before the connection is cut.
    """

    def __init__(self, upstream_port):
        import http.client
        import http.server

        self.fault = None
        self.requests = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                outer.requests += 1
                upstream = http.client.HTTPConnection("127.0.0.1", upstream_port, timeout=10)
                upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    upstream.putheader(name, value)
                upstream.endheaders()
                got = upstream.getresponse()
                reply = {"status": got.status, "headers": dict(got.getheaders()), "body": got.read(), "truncate": None}
                upstream.close()
                if outer.fault:
                    outer.fault(self, reply)
                self.send_response(reply["status"])
                length = reply["headers"].get("Content-Length", len(reply["body"]))
                for name, value in reply["headers"].items():
                    if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(length if self.command == "HEAD" or reply["truncate"] is not None else len(reply["body"])))
                self.end_headers()
                if self.command == "HEAD":
                    return
                if reply["truncate"] is None:
                    self.wfile.write(reply["body"])
                else:
                    self.wfile.write(reply["body"][:reply["truncate"]])
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True

            do_GET = do_HEAD = forward

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()


class Plugin:
    """sluice-csi and the daemons it starts, in `directory`."""

    DEFAULT_CONFIG = """
pools:
  default:
    tiers:
      - {medium: dram, quota: 256MiB}
      - {medium: ssd, quota: 4GiB}
    source: {deadline: 5s}
"""

    def __init__(self, directory, config=DEFAULT_CONFIG, arguments=(), program=BUILD / "bin" / "sluice-csi", run=None):
        self.program = program
        self.directory = pathlib.Path(directory)
        self.state = self.directory / "state"
        self.run = pathlib.Path(run or f"/dev/shm/{self.directory.name}")  # on a tmpfs
        self.endpoint = self.directory / "csi.sock"
        self.config = self.directory / "config.yaml"
        self.config.write_text(config)
        self.arguments = list(arguments)
        self.messages, self.stubs = load_csi()
        self.start()

    def start(self):
        self.process = Process([self.program, "--endpoint", f"unix://{self.endpoint}", "--node-id", "node-1", "--state-dir",
                                str(self.state), "--run-dir", str(self.run), "--config", str(self.config), *self.arguments], f"{self.directory}/plugin.log")
        try:
            wait_until(lambda: self.ready() or self.process.process.poll() is not None, what="the plugin")
            assert self.process.process.poll() is None
        except (TimeoutError, AssertionError) as error:
            self.destroy()
            raise AssertionError(f"the plugin did not start:\n{self.log()}") from error

    def channel(self):
        return grpc.insecure_channel(f"unix://{self.endpoint}")

    def ready(self):
        with self.channel() as channel:
            try:
                return self.stubs.IdentityStub(channel).Probe(self.messages.ProbeRequest(), timeout=2).ready.value
            except grpc.RpcError:
                return False

    def log(self):
        return self.process.text()

    def daemon_pid(self, pool="default"):
        """The daemon's process id, read from the process table."""
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if any(word.endswith(b"/sluiced") for word in words[:2]) and str(self.state).encode() in words and (not pool or pool.encode() in words):
                    return int(entry.name)
        return None

    def capability(self, flags=()):
        m = self.messages
        return m.VolumeCapability(mount=m.VolumeCapability.MountVolume(mount_flags=list(flags)),
                                  access_mode=m.VolumeCapability.AccessMode(mode=m.VolumeCapability.AccessMode.MULTI_NODE_READER_ONLY))

    def node(self, call, request, timeout=60):
        with self.channel() as channel:
            return getattr(self.stubs.NodeStub(channel), call)(request, timeout=timeout)

    def controller(self, call, request, timeout=60):
        with self.channel() as channel:
            return getattr(self.stubs.ControllerStub(channel), call)(request, timeout=timeout)

    def staging(self, volume):
        return self.directory / f"staging-{volume}"

    def stage(self, volume, context, secrets=None):
        self.node("NodeStageVolume", self.messages.NodeStageVolumeRequest(
            volume_id=volume, staging_target_path=str(self.staging(volume)), volume_capability=self.capability(), volume_context=context,
            secrets=secrets or {}))

    def publish(self, volume, context, target=None, flags=(), secrets=None):
        target = target or self.directory / f"target-{volume}"
        self.node("NodePublishVolume", self.messages.NodePublishVolumeRequest(
            volume_id=volume, staging_target_path=str(self.staging(volume)), target_path=str(target), volume_capability=self.capability(flags),
            volume_context=context, readonly=True, secrets=secrets or {}))
        return target

    def mount(self, volume, context, secrets=None):
        """Stages and publishes; the path to read."""
        self.stage(volume, context, secrets)
        return self.publish(volume, context)

    def unpublish(self, volume, target):
        self.node("NodeUnpublishVolume", self.messages.NodeUnpublishVolumeRequest(volume_id=volume, target_path=str(target)))

    def unmount(self, volume):
        self.unpublish(volume, self.directory / f"target-{volume}")
        self.node("NodeUnstageVolume", self.messages.NodeUnstageVolumeRequest(volume_id=volume, staging_target_path=str(self.staging(volume))))

    def sluice(self, *arguments, check=True, pool="default", **options):
        """The command line; its completed process."""
        done = subprocess.run([BUILD / "bin" / "sluice", "--socket", str(self.state / "pools" / pool / "admin.sock"), *map(str, arguments)],
                              capture_output=True, text=True, timeout=300, **options)
        assert not Process.SANITIZER_REPORT.search(done.stderr), done.stderr
        if check:
            done.check_returncode()
        return done

    def json(self, *arguments):
        return json.loads(self.sluice("--output", "json", *arguments).stdout.splitlines()[-1])

    def metric(self, name):
        """The value of a metric, given with its labels if it has any; 0 when it is not there."""
        for line in self.sluice("metrics").stdout.splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def source_bytes(self):
        return int(self.json("stats")["source_read_bytes"])

    def stop(self):
        self.process.stop()

    def kill(self):
        """The plugin's death; its daemon lives on."""
        self.process.stop(signal.SIGKILL)

    def kill_daemon(self, how=signal.SIGKILL):
        """Returns when another daemon answers."""
        old = wait_until(self.daemon_pid, what="a daemon")
        os.kill(old, how)
        wait_until(lambda: self.daemon_pid() not in (None, old) and self.ready(), what="the next daemon")

    def kill_both(self):
        """Plugin and daemon die together, as with their container."""
        pids = [self.process.process.pid, self.daemon_pid()]
        for how in (signal.SIGSTOP, signal.SIGKILL):  # stopped first: neither sees the other die
            for pid in pids:
                os.kill(pid, how)
        self.process.process.wait()
        wait_until(lambda: self.daemon_pid() is None, what="the daemon's end")

    def destroy(self):
        self.stop()
        unmount_below(self.directory)
        while pid := self.daemon_pid(""):  # one that outlived the plugin, of any pool
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            time.sleep(0.01)
        shutil.rmtree(self.run, ignore_errors=True)


def new_directory(prefix="sluice-test-"):
    """A directory that the daemon's user may pass through."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir="/var/tmp"))
    directory.chmod(0o755)
    return directory


def remove_directory(directory):
    unmount_below(directory)
    shutil.rmtree(directory, ignore_errors=True)
