"""Real programs on real data: the kernel's source tree, a large file, safetensors, Parquet, tar, git."""

import glob
import os
import pathlib
import random
import shutil
import subprocess

import pytest

import harness

GIB = 1 << 30
MODES = {"large-files": "passthrough", "small-files": "no-open", "auto": "native"}  # `access`, and how files are then read


@pytest.fixture(scope="module")
def linux(s3):
    """The kernel's source tree in a bucket: about 78,000 files. Symbolic links are left out: S3 has none."""
    archive = glob.glob("/usr/src/linux-source-*.tar.xz")[0]
    root = s3.bucket("linux")
    if not (root / "MAINTAINERS").exists():
        subprocess.run(["tar", "-xf", archive, "-C", root, "--strip-components=1"], check=True)
        subprocess.run(["find", root, "-type", "l", "-delete"], check=True)
        # What a bucket cannot have: names versitygw takes for its own, and empty directories.
        subprocess.run(["find", root, "-type", "d", "-empty", "-delete"], check=True)
        big = root / "big.bin"
        choose = random.Random(31)
        with open(big, "wb") as f:
            for _ in range(GIB // (1 << 24)):
                f.write(choose.randbytes(1 << 24))
            f.write(b"tail")
    return root


def drop_caches():
    subprocess.run(["sync"], check=True)
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")


def compare(left, right):
    done = subprocess.run(["diff", "-rq", str(left), str(right)], capture_output=True, text=True)
    return done.stdout[:2000] + done.stderr[:2000]


def test_kernel_tree_and_a_gibibyte(make_plugin, linux, s3_volume):
    config = "pools: {default: {tiers: [{medium: dram, quota: 512MiB}, {medium: ssd, quota: 6GiB}], source: {deadline: 10s}}}"
    plugin = make_plugin(config)
    context, secrets = s3_volume("linux", consistency="immutable")
    path = plugin.mount("linux", context, secrets)
    assert compare(linux, path) == ""
    cold = plugin.source_bytes()
    drop_caches()
    assert compare(linux, path) == ""
    assert plugin.source_bytes() == cold, "warm: no byte from the source"
    # After a restart of everything the data is still there.
    plugin.unmount("linux")
    plugin.stop()
    drop_caches()
    plugin.start()
    path = plugin.mount("linux", context, secrets)
    assert compare(linux, path) == ""
    assert plugin.source_bytes() == 0, "warm after a restart: no byte from the source"
    # tar reads every file once more; git makes an index of a part and finds nothing changed.
    listed = subprocess.run(["tar", "-cf", "-", "-C", path, "kernel", "mm"], check=True, capture_output=True).stdout
    assert len(listed) > 10_000_000
    work = plugin.directory / "git"
    git = ["git", f"--git-dir={work}", f"--work-tree={path}/mm", "-c", "core.fileMode=false", "-c", "safe.directory=*"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True, cwd=path / "mm")
    assert subprocess.run([*git, "status", "--porcelain"], check=True, capture_output=True, text=True, cwd=path / "mm").stdout.count("A  ") > 50
    assert subprocess.run([*git, "diff"], check=True, capture_output=True, cwd=path / "mm").stdout == b""
    plugin.unmount("linux")
    # The same files by each of the other ways.
    for access, way in MODES.items():
        path = plugin.mount("linux", {**context, "access": access}, secrets)
        if way == "native":
            plugin.sluice("prewarm", "linux", "--tier", "ssd", "--publish-native", "--wait")
            path = plugin.publish("linux", {**context, "access": access}, target=plugin.directory / "native")
        assert plugin.json("mounts")["mounts"][0]["path"] == way
        assert compare(linux, path) == "", way
        plugin.unpublish("linux", plugin.directory / "native")
        plugin.unmount("linux")
    assert plugin.source_bytes() == 0


@pytest.mark.parametrize("tier", ["dram", "ssd"])
def test_fio_verifies_by_every_way(make_plugin, s3, s3_volume, tier):
    size = 64 << 20
    bucket = s3.bucket(f"fio-{tier}")
    pattern = ["fio", "--name=w", f"--size={size}", "--bs=64k", "--verify=crc32c", "--verify_state_save=0"]
    subprocess.run([*pattern, f"--filename={bucket}/data", "--rw=write", "--do_verify=0"], check=True, capture_output=True)
    plugin = make_plugin()
    context, secrets = s3_volume(f"fio-{tier}", consistency="immutable")
    for access, way in MODES.items():
        path = plugin.mount("v", {**context, "access": access}, secrets)
        plugin.sluice("prewarm", "v", "--tier", tier, "--wait")
        path = plugin.publish("v", {**context, "access": access}, target=plugin.directory / "second")
        assert plugin.json("mounts")["mounts"][0]["path"] == way
        for engine in ("psync", "mmap", "io_uring"):
            subprocess.run([*pattern, f"--filename={path}/data", "--rw=randread", "--readonly", "--verify_fatal=1", f"--ioengine={engine}",
                            "--invalidate=1"], check=True, capture_output=True)
        plugin.unpublish("v", path)
        plugin.unmount("v")


def test_safetensors_and_parquet(plugin, s3, s3_volume):
    import numpy
    import pyarrow
    import pyarrow.dataset
    import pyarrow.parquet
    from safetensors.numpy import load_file, safe_open, save_file

    root = s3.bucket("models")
    choose = numpy.random.default_rng(1)
    tensors = {f"layer{i}.weight": choose.standard_normal((512, 1024), dtype=numpy.float32) for i in range(16)}
    save_file(tensors, root / "model.safetensors")
    for part in range(4):
        table = pyarrow.table({"id": numpy.arange(200_000) + part * 200_000, "value": choose.standard_normal(200_000)})
        pyarrow.parquet.write_table(table, root / f"part-{part}.parquet", row_group_size=20_000)
    path = plugin.mount("models", *s3_volume("models"))
    loaded = load_file(path / "model.safetensors")
    assert all((loaded[name] == tensors[name]).all() for name in tensors)
    with safe_open(path / "model.safetensors", framework="numpy") as f:
        assert (f.get_slice("layer7.weight")[100:110] == tensors["layer7.weight"][100:110]).all()
    scan = pyarrow.dataset.dataset(sorted(str(p) for p in path.glob("*.parquet"))).to_table(filter=pyarrow.dataset.field("id") >= 790_000, columns=["id"])
    assert scan.num_rows == 10_000
    plugin.unmount("models")
