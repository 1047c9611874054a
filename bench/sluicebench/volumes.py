"""Many volumes on one node: how long the next one takes, and what they cost a daemon that has nothing to do."""

import os
import time

import harness

from . import systems
from .common import median, quantile

GROUP = 50
DIRECTORIES = 10


def measure(directory, server, count):
    """Rows: milliseconds of NodeStageVolume and NodePublishVolume, of new volumes and of known ones; the daemon's memory."""
    bucket = server.bucket("volumes")
    for i in range(DIRECTORIES):
        (bucket / f"d{i}").mkdir()
        (bucket / f"d{i}" / "file").write_text("text")
    node = systems.Node(directory, server, 256)
    secrets = {"accessKeyId": harness.ACCESS_KEY, "secretAccessKey": harness.SECRET_KEY}

    def mount(i):
        context = {"source": f"s3://volumes/d{i % DIRECTORIES}", "endpoint": server.url, "consistency": "immutable"}
        begin = time.perf_counter()
        node.plugin.mount(f"v{i}", context, secrets)
        return (time.perf_counter() - begin) * 1e3

    def row(what, times):
        return {"what": what, "system": "node", "value": median(times), "unit": "ms", "p99": quantile(times, 0.99)}

    try:
        new = [mount(i) for i in range(count)]
        pid = node.plugin.daemon_pid()
        begin = node.cpu_seconds()
        time.sleep(5)
        idle = node.cpu_seconds() - begin
        known = []
        for i in range(0, count, max(1, count // GROUP)):
            node.plugin.unmount(f"v{i}")
            known.append(mount(i))
        threads, resident = len(os.listdir(f"/proc/{pid}/task")), systems.resident_mib(pid)
        for i in range(count):
            node.plugin.unmount(f"v{i}")
    finally:
        node.destroy()
    return [row(f"stage and publish, the first {GROUP} volumes", new[:GROUP]),
            row(f"stage and publish, the last {GROUP} of {count} volumes", new[-GROUP:]),
            row(f"stage and publish of a known volume beside {count - 1}", known),
            {"what": f"plugin and daemons with {count} idle volumes: processor time in 5 s", "system": "node", "value": idle, "unit": "s",
             "daemon_resident_mib": resident, "threads": threads}]
