"""A dataset twice as large as the tier, read in shuffled epochs: the share that fits stays, and is not fetched again."""

import random

import pytest

FILES = 320
FILE_BYTES = 50 * 1024


@pytest.mark.parametrize("epochs", ["declared", "auto"])
def test_the_kept_share_is_hit(make_plugin, s3, s3_volume, epochs):
    bucket = s3.bucket(f"epochs-{epochs}")
    want = {f"f{i:03}": random.Random(i).randbytes(FILE_BYTES) for i in range(FILES)}
    for name, content in want.items():
        (bucket / name).write_bytes(content)
    plugin = make_plugin(f"pools: {{default: {{tiers: [{{medium: ssd, quota: 8MiB}}], epochs: {epochs}, limits: {{readAhead: 0MiB, fillMemory: 4MiB}}}}}}")
    path = plugin.mount("v", *s3_volume(f"epochs-{epochs}", consistency="immutable"))
    fetched = []
    for epoch in range(8):
        before = plugin.source_bytes()
        names = list(want)
        random.Random(epoch).shuffle(names)
        for name in names:
            assert (path / name).read_bytes() == want[name]
        fetched.append((plugin.source_bytes() - before) / (FILES * FILE_BYTES))
        with open("/proc/sys/vm/drop_caches", "w") as drop:  # or the kernel answers from its own pages
            drop.write("3")
    share = 8 * 1024 * 1024 / (FILES * FILE_BYTES)
    known = 1 if epochs == "declared" else 5  # epochs after which it must be so
    assert sum(fetched[known:]) / len(fetched[known:]) < 1 - share + 0.06
