"""What is measured side by side: the local file system, tmpfs, volumes of Sluice. Peers are in peers.py.

A system has: name, directory (where its files are read), pids() (the processes that serve it), options (as given),
version, fill() (everything cached), forget() (nothing cached), requests() (sent to S3 since it was mounted).
"""

import dataclasses
import json
import subprocess

import harness

from . import dataset

POOLS = """
pools:
  default: {tiers: [{medium: ssd, quota: %(quota)s}]}
  dram: {uid: 60481, gid: 60481, tiers: [{medium: dram, quota: %(quota)s}]}
"""


@dataclasses.dataclass
class Mode:
    """One way of publishing a volume. A new one is a line in MODES."""

    name: str
    context: dict  # volume parameters
    prewarm: tuple = ()  # further arguments of `sluice prewarm`
    publish_after_fill: bool = False  # what a pod gets that starts after the prewarm; such a volume is never cold


MODES = [
    Mode("large-files", {"access": "large-files"}),
    Mode("small-files", {"access": "small-files"}),
    Mode("dram", {"access": "large-files", "pool": "dram"}),
    Mode("native-publish", {"access": "auto"}, ("--publish-native",), publish_after_fill=True),
]


class Native:
    """Files of a local file system. The first of all systems is the one the ratios are to."""

    def __init__(self, name, directory, version):
        self.name, self.directory, self.version, self.options = name, directory, version, ""

    def pids(self):
        return []

    def fill(self):
        pass

    forget = fill
    stop = fill

    def requests(self):
        return 0


def tmpfs(directory, source, mib):
    """A copy on a tmpfs with huge pages: what the DRAM tier could give."""
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"huge=always,size={mib}m,mode=0755", "bench", directory], check=True)
    dataset.copy(source, directory)
    return Native("tmpfs", directory, "tmpfs, huge=always")


class Node:
    """One plugin with its daemons; all volumes of a run are its own."""

    def __init__(self, directory, server, quota_mib):
        directory.mkdir()
        self.server = server
        self.plugin = harness.Plugin(directory, POOLS % {"quota": f"{quota_mib}MiB"})

    def version(self):
        return self.plugin.sluice("--version").stdout.strip()

    def destroy(self):
        self.plugin.destroy()

    def cpu_seconds(self):
        """Of the plugin's process and its daemons."""
        ticks = 0
        for pid in filter(None, [self.plugin.process.process.pid, self.plugin.daemon_pid(), self.plugin.daemon_pid("dram")]):
            fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / 100


def resident_mib(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


class Volume:
    """A bucket published through Sluice in one mode."""

    def __init__(self, node, bucket, mode):
        self.node, self.plugin, self.mode, self.name = node, node.plugin, mode, mode.name
        self.pool = mode.context.get("pool", "default")
        self.volume = f"{bucket}-{mode.name}"
        self.context = {"source": f"s3://{bucket}", "endpoint": node.server.url, "consistency": "immutable", **mode.context}
        self.secrets = {"accessKeyId": harness.ACCESS_KEY, "secretAccessKey": harness.SECRET_KEY}
        self.version = node.version()
        self.options = ", ".join(f"{k}: {v}" for k, v in {**mode.context, "consistency": "immutable"}.items())
        self.mount()

    def mount(self):
        self.directory = self.plugin.mount(self.volume, self.context, self.secrets)

    def unmount(self):
        self.plugin.unmount(self.volume)

    def pids(self):
        """The daemon and the plugin, which may do a part of it for the daemon."""
        return [self.plugin.daemon_pid(self.pool), self.plugin.process.process.pid]

    def sluice(self, *arguments):
        return self.plugin.sluice(*arguments, pool=self.pool)

    def fill(self, *paths):
        self.sluice("prewarm", self.volume, *paths, "--wait", *self.mode.prewarm)
        if self.mode.publish_after_fill:
            self.unmount()
            self.mount()

    def forget(self, *paths):
        self.sluice("evict", self.volume, *paths)

    def metric(self, name):
        """A metric of the daemon, summed over its labels."""
        lines = self.sluice("metrics").stdout.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.split("{")[0].split(" ")[0] == name)

    def requests(self):
        return int(self.metric("sluice_source_requests_total"))

    def served(self):
        """How files are opened, as `sluice mounts` and the metrics say."""
        reply = json.loads(self.sluice("--output", "json", "mounts").stdout.splitlines()[-1])
        mine = next(m for m in reply["mounts"] if self.volume in m.values())
        opens = [line.removeprefix("sluice_opens_total") for line in self.sluice("metrics").stdout.splitlines() if line.startswith("sluice_opens_total")]
        return f"{mine.get('path', 'page-cache')}; opens of its daemon so far: {', '.join(opens) or 'none'}"
