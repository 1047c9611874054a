"""A volume's speed as a ratio to the local file system, with margins wide enough for a busy machine. No time is asserted.

readbench reads both in turns of 60 ms, so what else runs slows both. The files are the S3 server's own for native; a
volume has all of them cached and read once before.
"""

import json
import os
import random
import subprocess

import pytest

import harness

READBENCH = harness.BUILD / "bin" / "readbench"
ROUNDS = 9
FILES = 1000

pytestmark = [
    pytest.mark.skipif(not READBENCH.exists(), reason="readbench is not built: -DSLUICE_BENCH=ON"),
    pytest.mark.skipif(harness.SANITIZED, reason="a sanitized daemon's speed says nothing"),
]

CONFIG = "pools: {default: {tiers: [{medium: ssd, quota: 4GiB}]}}"


@pytest.fixture(scope="module")
def data(s3):
    """A large file and many small ones in a bucket."""
    root = s3.bucket("ratios")
    choose = random.Random(41)
    with open(root / "large", "wb") as f:
        for _ in range(16):
            f.write(choose.randbytes(1 << 24))
    (root / "small").mkdir()
    for i in range(FILES):
        (root / "small" / f"{i:05}.jpg").write_bytes(choose.randbytes(100 * 1024))
    return root


def read_all(directory):
    for folder, _, names in os.walk(directory):
        for name in names:
            with open(os.path.join(folder, name), "rb", buffering=0) as f:
                while f.read(1 << 20):
                    pass


@pytest.fixture
def ratios(make_plugin, data, s3_volume):
    """Ratios to native by shape, for a volume with the given parameters."""

    def measure(shapes, prewarm=(), **parameters):
        plugin = make_plugin(CONFIG)
        context, secrets = s3_volume("ratios", consistency="immutable", **parameters)
        path = plugin.mount("ratios", context, secrets)
        plugin.sluice("prewarm", "ratios", "--wait", *prewarm)
        read_all(path)
        read_all(data)
        done = subprocess.run([READBENCH, "--rounds", str(ROUNDS), "--slice", "60", "--shapes", ",".join(shapes), f"native={data}", f"volume={path}"],
                              check=True, capture_output=True, text=True, timeout=600)
        found = {r["shape"]: r["ratio"] for r in json.loads(done.stdout)["results"] if r["target"] == "volume"}
        print(parameters, {shape: round(ratio, 3) for shape, ratio in found.items()})
        return found

    return measure


def test_the_control_is_near_one(data):
    """The same files against themselves: if this fails, the machine is too unsteady for the others to mean anything."""
    read_all(data)
    done = subprocess.run([READBENCH, "--rounds", str(ROUNDS), "--slice", "60", "--shapes", "rnd4k,small", f"a={data}", f"b={data}"],
                          check=True, capture_output=True, text=True, timeout=600)
    for result in json.loads(done.stdout)["results"]:
        assert 0.7 < result["ratio"] < 1.4, result


def test_large_files_read_at_more_than_half_of_native(ratios):
    assert ratios(["rnd4k"], access="large-files")["rnd4k"] > 0.5


def test_small_files_read_at_more_than_a_third_of_native(ratios):
    assert ratios(["small"], access="small-files")["small"] > 1 / 3
