"""Bits that flip in cache files: nobody reads them."""

import json
import mmap
import os
import pathlib
import random
import subprocess
import tempfile

import pytest

import harness
import load

KIB, MIB = 1 << 10, 1 << 20
PASSED = 'sluice_opens_total{path="passthrough"}'
CHANGED = 'sluice_tier_changed_files_total{tier="ssd"}'
BAD = 'sluice_tier_bad_blocks_total{tier="ssd"}'


def flip(files, count, choose):
    """Flips `count` bits somewhere in the files."""
    for _ in range(count):
        with open(choose.choice(files), "r+b") as f:
            at = choose.randrange(os.fstat(f.fileno()).st_size)
            f.seek(at)
            byte = f.read(1)[0] ^ 1 << choose.randrange(8)
            f.seek(at)
            f.write(bytes([byte]))


def bad_blocks(plugin, volume):
    """What `sluice verify` finds."""
    return int(json.loads(plugin.sluice("--output", "json", "verify", volume, check=False).stdout)["bad_blocks"])


def read_direct(f):
    """The whole file by requests to the daemon: past the kernel's pages."""
    size = os.fstat(f).st_size
    with mmap.mmap(-1, -(-size // 4096) * 4096) as buffer:
        assert os.preadv(f, [buffer], 0) == size
        return buffer[:size]


@pytest.fixture
def volume(make_plugin, s3, s3_volume):
    """A plugin with a whole volume of 24 files in its SSD tier: plugin, path, contents by name, cache files."""
    choose = random.Random(5)
    want = {f"f{i:02}": choose.randbytes(choose.randrange(1, 512 * KIB)) for i in range(24)}
    for name, content in want.items():
        (s3.bucket("flips") / name).write_bytes(content)
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 64MiB}]}}")
    context, secrets = s3_volume("flips")
    path = plugin.mount("flips", {**context, "access": "large-files"}, secrets)
    plugin.sluice("prewarm", "flips", "--wait")
    files = [f for f in (plugin.state / "pools/default/ssd/objects").rglob("*") if f.is_file()]
    assert len(files) == len(want)
    return plugin, path, want, files


def test_bits_that_flip_while_a_file_is_not_open(volume):
    """5,000 of them; what is opened afterwards is proven first, and is passed through again."""
    plugin, path, want, files = volume
    choose = random.Random(6)
    for _ in range(25):
        flip(files, 200, choose)
        for name, content in want.items():
            assert (path / name).read_bytes() == content, name
        plugin.sluice("prewarm", "flips", "--wait")
        passed = plugin.metric(PASSED)
        for name, content in want.items():
            assert (path / name).read_bytes() == content, name
        assert plugin.metric(PASSED) == passed + len(want)
    assert plugin.metric(CHANGED) > 0 and plugin.metric(BAD) > 0


def test_bits_that_flip_while_a_file_is_read_through_the_daemon(volume):
    """5,000 of them, under handles that stay open. They were opened before the files were whole: none is passed through."""
    plugin, path, want, files = volume
    choose = random.Random(7)
    plugin.sluice("evict", "flips")
    handles = {name: os.open(path / name, os.O_RDONLY | os.O_DIRECT) for name in want}
    try:
        plugin.sluice("prewarm", "flips", "--wait")
        for _ in range(25):
            flip(files, 200, choose)
            for name, f in handles.items():
                assert read_direct(f) == want[name], name
            plugin.sluice("prewarm", "flips", "--wait")
    finally:
        for f in handles.values():
            os.close(f)
    assert plugin.metric(BAD) > 0


def test_verify_finds_what_the_file_system_does_not_tell(volume):
    """As on a medium that rots: the file's times are as they were."""
    plugin, path, want, files = volume
    assert bad_blocks(plugin, "flips") == 0
    stat = files[0].stat()
    flip(files[:1], 1, random.Random(8))
    os.utime(files[0], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert bad_blocks(plugin, "flips") == 1
    for name, content in want.items():
        assert (path / name).read_bytes() == content, name
    assert plugin.metric(CHANGED) == 0


@pytest.fixture
def scrubbed(make_plugin, s3, s3_volume):
    """A volume of one file, which is cached: its plugin, the volume's path, the cache file."""

    def make(volume, content):
        (s3.bucket(volume) / "file").write_bytes(content)
        plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 64MiB}], scrub: {rate: 1GiB/s, every: 200ms}}}")
        path = plugin.mount(volume, *s3_volume(volume))
        plugin.sluice("prewarm", volume, "--wait")
        [cached] = [f for f in (plugin.state / "pools/default/ssd/objects").rglob("*") if f.is_file()]
        return plugin, path, cached

    return make


def test_the_scrubber_mends_a_file_of_one_block(scrubbed):
    """Nobody has it open, and for a moment nothing of it is cached."""
    want = load.data(100 * KIB, 15)
    plugin, path, cached = scrubbed("small", want)
    flip([cached], 1, random.Random(16))
    harness.wait_until(lambda: plugin.metric(BAD) == 1 and harness.readable(cached) and cached.read_bytes() == want, what="the scrubber")
    assert (path / "file").read_bytes() == want
    plugin.sluice("evict", "small", check=False)
    harness.wait_until(lambda: plugin.metric('sluice_tier_used_bytes{tier="ssd"}') == 0, what="room")


def test_the_scrubber_mends_what_nobody_reads(scrubbed):
    """Also under a handle that is passed through: its reader gets the right bytes again, written over the bad ones."""
    want = load.data(4 * MIB, 10)
    plugin, path, cached = scrubbed("scrub", want)
    with open(path / "file", "rb") as f:
        assert f.read() == want
        assert plugin.metric(PASSED) == 1
        flip([cached], 20, random.Random(11))
        harness.wait_until(lambda: cached.read_bytes() == want, what="the scrubber")
        f.seek(0)
        assert f.read() == want
    assert 0 < plugin.metric(BAD) <= 4
    assert plugin.metric("sluice_scrub_passes_total") > 0


def flip_hidden(file, choose):
    """One bit, as a medium flips it: the file's times are as they were."""
    stat = file.stat()
    mode = stat.st_mode & 0o7777
    flip([file], 1, choose)
    os.chmod(file, mode)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def is_native(path):
    """Whether what is mounted there needs no FUSE."""
    line = [words for words in map(str.split, open("/proc/self/mountinfo")) if words[4] == str(path)][-1]
    return line[line.index("-") + 1] != "fuse.sluice"


def contents(path):
    return {str(file.relative_to(path)): (file.read_bytes(), file.stat().st_mtime_ns) for file in path.rglob("*") if file.is_file()}


@pytest.mark.parametrize("hidden", [True, False])
def test_bits_that_flip_in_a_tree_while_nothing_runs(make_plugin, s3, s3_volume, hidden):
    """What is published natively nobody compares: no pod gets it before it has been proven again. Until then, FUSE."""
    bucket = f"tree-{hidden}".lower()
    choose = random.Random(12)
    for i in range(12):
        (s3.bucket(bucket) / f"d{i % 2}").mkdir(exist_ok=True)
        (s3.bucket(bucket) / f"d{i % 2}" / f"f{i:02}").write_bytes(choose.randbytes(choose.randrange(1, 3 * MIB)))
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 128MiB}]}}")
    context, secrets = s3_volume(bucket, consistency="immutable")
    plugin.stage("v", context, secrets)
    plugin.sluice("prewarm", "v", "--publish-native", "--wait")
    native = plugin.publish("v", context)
    want = contents(native)
    assert is_native(native) and len(want) == 12
    assert {name: content for name, (content, _) in want.items()} == {
        str(f.relative_to(s3.bucket(bucket))): f.read_bytes() for f in s3.bucket(bucket).rglob("*") if f.is_file()}
    plugin.unmount("v")
    plugin.stop()
    harness.wait_until(lambda: plugin.daemon_pid() is None, what="the daemon's end")
    files = [f for f in (plugin.state / "pools/default/ssd/objects").rglob("*") if f.is_file()]
    for file in choose.sample(files, 4):
        (flip_hidden if hidden else lambda f, c: flip([f], 5, c))(file, choose)

    plugin.start()
    plugin.stage("v", context, secrets)
    first = plugin.publish("v", context)
    assert not is_native(first)
    assert contents(first) == want
    # What a pod has by FUSE stays so; the next one gets the tree, mended.
    harness.wait_until(lambda: "ready" in plugin.json("mounts")["mounts"][0]["native"], what="the proof")
    second = plugin.publish("v", context, target=plugin.directory / "second")
    assert is_native(second)
    got = contents(second)
    assert {name: content for name, (content, _) in got.items()} == {name: content for name, (content, _) in want.items()}
    if hidden:
        assert got == want
    assert plugin.metric(BAD) >= 4 and "files that can be published natively are proven again" in plugin.log()


def test_a_mounted_tree_is_proven_again_and_mended_in_place(make_plugin, s3, s3_volume):
    """Its readers need no process, so they go on while both are dead; what has rotted meanwhile they see until then."""
    want = load.data(4 * MIB, 13)
    (s3.bucket("mounted") / "file").write_bytes(want)
    plugin = make_plugin("pools: {default: {tiers: [{medium: ssd, quota: 128MiB}]}}")
    context, secrets = s3_volume("mounted", consistency="immutable")
    plugin.stage("v", context, secrets)
    plugin.sluice("prewarm", "v", "--publish-native", "--wait")
    native = plugin.publish("v", context)
    modified = (native / "file").stat().st_mtime_ns
    [cached] = [f for f in (plugin.state / "pools/default/ssd/objects").rglob("*") if f.is_file()]
    plugin.kill_both()
    with open(native / "file", "rb") as f:
        assert f.read() == want
        flip_hidden(cached, random.Random(14))
        f.seek(0)
        assert f.read() != want
        plugin.start()
        plugin.stage("v", context, secrets)
        harness.wait_until(lambda: cached.exists() and cached.read_bytes() == want, what="the proof")
        f.seek(0)
        assert f.read() == want
    harness.wait_until(lambda: (native / "file").stat().st_mtime_ns == modified, what="its time")
    assert plugin.metric(BAD) == 1 and is_native(native)


def test_files_are_sealed_where_the_file_system_can(make_plugin, s3, s3_volume):
    """By fs-verity. Elsewhere, the daemon says why not, and goes on without."""
    want = load.data(3 * MIB, 17)
    (s3.bucket("sealed") / "file").write_bytes(want)
    plugin = make_plugin()  # a tmpfs, which has none, and the disk
    path = plugin.mount("sealed", *s3_volume("sealed"))
    plugin.sluice("prewarm", "sealed", "--tier", "ssd", "--wait")
    assert (path / "file").read_bytes() == want and plugin.metric(PASSED) == 1
    assert "the dram tier" in plugin.log() and plugin.metric('sluice_tier_seals{tier="dram"}') == 0
    [cached] = [f for f in (plugin.state / "pools/default/ssd/objects").rglob("*") if f.is_file()]
    if plugin.metric('sluice_tier_seals{tier="ssd"}') == 0:
        [why] = [line for line in plugin.log().splitlines() if "the ssd tier" in line and "does not seal files: " in line]
        with open(cached, "r+b"):
            pass
        pytest.skip(why[why.index("does not seal"):])
    assert "seals whole files" in plugin.log()
    with pytest.raises(PermissionError):
        open(cached, "r+b")
    plugin.sluice("evict", "sealed")
    assert not cached.exists()
    assert (path / "file").read_bytes() == want


@pytest.fixture
def btrfs():
    """A btrfs of its own: where it is mounted, and the image that it lies on."""
    with tempfile.TemporaryDirectory(prefix="sluice-test-", dir="/var/tmp") as directory:
        os.chmod(directory, 0o755)  # the daemon's way to its tier
        image, mounted = pathlib.Path(directory, "image"), pathlib.Path(directory, "btrfs")
        image.touch()
        os.truncate(image, 256 * MIB)
        mounted.mkdir()
        subprocess.run(["mkfs.btrfs", "-q", "-m", "dup", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
        yield mounted, image
        subprocess.run(["umount", mounted], check=True)


def test_a_file_system_with_checksums_covers_what_the_kernel_reads(btrfs, make_plugin, s3, s3_volume):
    """Where a medium under btrfs rots while a file is passed through, its readers get an error, and no wrong byte."""
    directory, image = btrfs
    tier = directory / "tier"
    tier.mkdir()
    os.chown(tier, 60480, 60480)
    want = load.data(8 * MIB, 9)
    (s3.bucket("rot") / "file").write_bytes(want)
    plugin = make_plugin(f"pools: {{default: {{tiers: [{{medium: ssd, quota: 64MiB, path: {tier}}}]}}}}")
    path = plugin.mount("rot", *s3_volume("rot"))
    plugin.sluice("prewarm", "rot", "--wait")
    with open(path / "file", "rb") as f:
        assert f.read() == want
        assert plugin.metric(PASSED) == 1
        os.sync()
        raw = image.read_bytes()
        places = [at for at in (raw.find(want[i:i + 4096]) for i in range(0, len(want), 64 * KIB)) if at >= 0]
        assert len(places) > 64
        with open(image, "r+b", buffering=0) as medium:
            for at in places[::2]:
                medium.seek(at + 1)
                medium.write(bytes([raw[at + 1] ^ 1]))
        os.sync()
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("1")
        errors = 0
        for at in range(0, len(want), 4096):
            try:
                assert os.pread(f.fileno(), 4096, at) == want[at:at + 4096]
            except OSError:
                errors += 1
        assert errors > 0
    assert bad_blocks(plugin, "rot") > 0
    assert (path / "file").read_bytes() == want  # what was lost is fetched again
