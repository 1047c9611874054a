"""What a volume has listed is kept for its next mount; and only as long as its consistency allows."""

import time



def requests(plugin):
    return plugin.metric("sluice_fuse_errors_total"), sum(
        float(line.rsplit(" ", 1)[1]) for line in plugin.sluice("metrics").stdout.splitlines() if line.startswith("sluice_source_requests_total"))


def fill(bucket):
    names = {f"d{i % 9}/file{i:04}" for i in range(900)}
    for name in names:
        (bucket / name).parent.mkdir(exist_ok=True)
        (bucket / name).write_text(name)
    return names


def names_of(path):
    return {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}


def again(plugin, volume, context, secrets):
    """Mounts once more; the path, and how many requests went to the source for its names since."""
    plugin.unmount(volume)
    path = plugin.mount(volume, context, secrets)
    before = requests(plugin)[1]
    names = names_of(path)
    return path, names, requests(plugin)[1] - before


def test_immutable_is_not_listed_again(make_plugin, s3, s3_volume):
    want = fill(s3.bucket("saved"))
    plugin = make_plugin()
    context, secrets = s3_volume("saved", consistency="immutable")
    assert names_of(plugin.mount("v", context, secrets)) == want
    path, names, asked = again(plugin, "v", context, secrets)
    assert names == want and asked == 0
    assert (path / "d3/file0003").read_text() == "d3/file0003"
    # Another source under the same id is another listing.
    (s3.bucket("elsewhere") / "only").write_text("x")
    path, names, asked = again(plugin, "v", {**context, "source": "s3://elsewhere"}, secrets)
    assert names == {"only"} and asked > 0
    # After a crash of everything, too: the kernel still has what was stored.
    path, names, asked = again(plugin, "v", context, secrets)
    assert asked == 0
    plugin.kill_both()
    plugin.start()
    path, names, asked = again(plugin, "v", context, secrets)
    assert names == want and asked == 0


def test_eventual_asks_when_it_is_old(make_plugin, s3, s3_volume):
    bucket = s3.bucket("aging")
    want = fill(bucket)
    plugin = make_plugin()
    context, secrets = s3_volume("aging", consistency="eventual", metadataTtl="2s")
    assert names_of(plugin.mount("v", context, secrets)) == want
    (bucket / "new").write_text("x")
    time.sleep(2.1)
    _, names, asked = again(plugin, "v", context, secrets)
    assert names == want | {"new"} and asked > 0


def test_strong_keeps_nothing(make_plugin, s3, s3_volume):
    want = fill(s3.bucket("asked"))
    plugin = make_plugin()
    context, secrets = s3_volume("asked", consistency="strong")
    assert names_of(plugin.mount("v", context, secrets)) == want
    _, names, asked = again(plugin, "v", context, secrets)
    assert names == want and asked > 0


def test_a_known_dataset_is_published_natively_at_once(make_plugin, s3, s3_volume):
    want = fill(s3.bucket("known"))
    plugin = make_plugin()
    context, secrets = s3_volume("known", consistency="immutable")
    plugin.mount("v", context, secrets)
    plugin.sluice("prewarm", "v", "--publish-native", "--wait")
    path, names, asked = again(plugin, "v", context, secrets)
    assert names == want and asked == 0
    assert plugin.json("mounts")["mounts"][0]["path"] == "native"
