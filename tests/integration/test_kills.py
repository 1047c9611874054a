"""Daemon and plugin are killed at random moments under a mixed load: no error, no wrong byte. The stalls are printed.

SLUICE_KILLS multiplies the number of kills (scripts/soak).
"""

import os
import random
import signal
import statistics
import time

import harness
import load

TIMES = float(os.environ.get("SLUICE_KILLS", "1"))
DAEMON_KILLS, PLUGIN_KILLS = int(200 * TIMES), int(50 * TIMES)
# Less than the files have: something is always cold, and the probe is never passed through.
CONFIG = "pools: {default: {tiers: [{medium: dram, quota: 8MiB}, {medium: ssd, quota: 24MiB}]}}"


def percentiles(seconds):
    ordered = sorted(seconds)
    return ", ".join(f"p{share} {1e3 * ordered[min(len(ordered) - 1, len(ordered) * share // 100)]:.0f} ms" for share in (50, 90, 99)) + f", max {1e3 * ordered[-1]:.0f} ms"


def test_nothing_is_lost(make_plugin, s3, s3_volume):
    large, small = load.large_files(s3.bucket("kills-large")), load.small_files(s3.bucket("kills-small"))
    probe = load.data(48 << 20, 77)
    (s3.bucket("kills-probe") / "probe").write_bytes(probe)
    plugin = make_plugin(CONFIG)
    volumes = {plugin.mount("large", *s3_volume("kills-large")): large,
               plugin.mount("small", *s3_volume("kills-small", access="small-files", consistency="immutable")): small}
    probed = plugin.mount("probe", *s3_volume("kills-probe"))
    choose = random.Random(5)
    stalls = {"daemon": [], "plugin": []}
    kills = ["daemon"] * DAEMON_KILLS + ["plugin"] * PLUGIN_KILLS
    choose.shuffle(kills)

    def prewarm(*_):
        plugin.sluice("prewarm", choose.choice(["large", "small"]), check=False)  # there may be no daemon to take it
        time.sleep(0.3)

    with load.Load(volumes, also=[prewarm]) as readers, open(probed / "probe", "rb") as f:
        for kill in kills:
            time.sleep(choose.random() * 0.2)
            harness.wait_until(lambda: plugin.daemon_pid() is not None, what="a daemon")
            pid = plugin.daemon_pid() if kill == "daemon" else plugin.process.process.pid
            os.kill(pid, signal.SIGKILL)
            begun = time.monotonic()
            at = choose.randrange(len(probe) - 5000)
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            assert os.pread(f.fileno(), 5000, at) == probe[at:at + 5000]
            stalls[kill].append(time.monotonic() - begun)
            if kill == "plugin":
                plugin.process.process.wait()
                plugin.start()
    print(f"\n{readers.reads} reads; from a kill to the next byte that the daemon gives:")
    for kill, seconds in stalls.items():
        print(f"  {len(seconds)} kills of the {kill}: {percentiles(seconds)}, mean {1e3 * statistics.mean(seconds):.0f} ms")
    assert readers.problems == []
