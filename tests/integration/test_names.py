"""Names that buckets allow and directories do not; very large directories; consistency of names."""

import os
import pathlib
import random
import subprocess
import threading
import time

import grpc
import pytest

import harness


class FakeBucket:
    """An S3 listing with any keys at all, which no server with files behind it could hold: ListObjectsV2, GET and HEAD."""

    def __init__(self, keys):
        import http.server
        import urllib.parse
        from xml.sax.saxutils import escape

        self.keys = dict(keys)
        self.lists = 0
        self.listing = self.listing_most = 0  # now, and the most at a time
        self.start_after = "as asked"  # or "ignored", "refused"
        self.delay = 0  # of each listing, in seconds
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self, status, body=b"", headers=()):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
                if "list-type" in query:
                    return self.list(query)
                key = urllib.parse.unquote(url.path).split("/", 2)[2]
                body = outer.keys.get(key)
                if body is None:
                    return self.reply(404)
                etag = ("ETag", f'"{hash(body) & 0xffffffff:x}"')
                span = self.headers.get("Range")
                if span and self.command == "GET":
                    first, last = map(int, span.removeprefix("bytes=").split("-"))
                    return self.reply(206, body[first:last + 1], [etag, ("Content-Range", f"bytes {first}-{last}/{len(body)}")])
                self.reply(200, body, [etag])

            do_HEAD = do_GET

            def list(self, query):
                outer.lists += 1
                outer.listing += 1
                outer.listing_most = max(outer.listing_most, outer.listing)
                time.sleep(outer.delay)
                outer.listing -= 1
                prefix, limit = query["prefix"], int(query["max-keys"])
                if "start-after" in query and outer.start_after == "refused":
                    return self.reply(501, b"<Error><Code>NotImplemented</Code><Message>no start-after</Message></Error>")
                after = query.get("continuation-token", query.get("start-after", "") if outer.start_after == "as asked" else "")
                rows, last = [], ""
                for key in sorted(outer.keys):
                    if not key.startswith(prefix) or key <= after or (after.endswith("/") and key.startswith(after)):
                        continue
                    rest = key[len(prefix):]
                    row = (prefix + rest[:rest.index("/") + 1], True) if "/" in rest else (key, False)
                    if rows and rows[-1] == row:
                        continue
                    if len(rows) == limit:
                        last = rows[-1][0]
                        break
                    rows.append(row)
                quote = lambda text: escape(urllib.parse.quote(text))
                xml = ["<ListBucketResult><EncodingType>url</EncodingType>"]
                for name, is_prefix in rows:
                    if is_prefix:
                        xml.append(f"<CommonPrefixes><Prefix>{quote(name)}</Prefix></CommonPrefixes>")
                    else:
                        body = outer.keys[name]
                        xml.append(f"<Contents><Key>{quote(name)}</Key><Size>{len(body)}</Size><ETag>&quot;{hash(body) & 0xffffffff:x}&quot;</ETag>"
                                   "<LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>")
                xml.append(f"<IsTruncated>{'true' if last else 'false'}</IsTruncated><NextContinuationToken>{escape(last)}</NextContinuationToken></ListBucketResult>")
                self.reply(200, "".join(xml).encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.parameters = {"source": "s3://b", "endpoint": f"http://127.0.0.1:{self.server.server_address[1]}"}


@pytest.fixture
def fake(request):
    buckets = []

    def make(keys):
        buckets.append(FakeBucket(keys))
        return buckets[-1]

    yield make
    for bucket in buckets:
        bucket.server.shutdown()


def hidden(plugin, volume):
    return int(next(m for m in plugin.json("mounts")["mounts"] if m["volume_id"] == volume)["hidden_entries"])


def test_clashes_and_impossible_names(plugin, fake):
    """Every row of the table in docs/semantics.md, "Names"."""
    bucket = fake({
        "a": b"file and directory", "a/b": b"below a",          # the directory hides the file
        "double//slash": b"x", "/leading": b"x",                # an empty component
        "marker/": b"", "full/": b"bytes", "full/x": b"x",      # keys that end in '/'
        "dots/./x": b"x", "dots/../y": b"y", "dots/ok": b"ok",  # . and ..
        "n" * 256: b"x", "m" * 255: b"fits",                    # longer than 255 bytes
        "ctrl\x01\x1f": b"odd", "nl\nx": b"odd", "ünï": b"odd", "sp ace+%41": b"odd",
    })
    path = plugin.mount("clash", bucket.parameters)
    assert sorted(os.listdir(path)) == sorted(["a", "double", "marker", "full", "dots", "m" * 255, "ctrl\x01\x1f", "nl\nx", "ünï", "sp ace+%41"])
    assert (path / "a").is_dir() and (path / "a/b").read_bytes() == b"below a"
    assert os.listdir(path / "double") == []
    assert os.listdir(path / "marker") == []
    assert os.listdir(path / "full") == ["x"]
    assert os.listdir(path / "dots") == ["ok"]
    assert (path / ("m" * 255)).read_bytes() == b"fits"
    for name in ["ctrl\x01\x1f", "nl\nx", "ünï", "sp ace+%41"]:
        assert (path / name).read_bytes() == b"odd"
    # "/leading", "n…", "double//", "dots/./", "dots/../" at the least
    assert hidden(plugin, "clash") == 5
    plugin.unmount("clash")


@pytest.mark.parametrize("source", ["s3://b/p/q", "s3://b/p/q/"])
def test_a_prefix_of_a_bucket(plugin, fake, source):
    """What lies below the prefix is the volume, and nothing else of the bucket."""
    bucket = fake({"p/q/x": b"x", "p/q/d/y": b"y", "p/q-r/z": b"z", "p/qq": b"q", "p/q": b"hidden by the directory", "x": b"top"})
    path = plugin.mount("prefix", {**bucket.parameters, "source": source})
    assert (path / "d/y").read_bytes() == b"y" and (path / "x").read_bytes() == b"x"
    assert sorted(os.listdir(path)) == ["d", "x"] and os.listdir(path / "d") == ["y"]
    plugin.unmount("prefix")
    with pytest.raises(grpc.RpcError) as error:
        plugin.mount("prefix", {**bucket.parameters, "source": "s3://b/p/none"})
    assert error.value.code() == grpc.StatusCode.NOT_FOUND and "'p/none/'" in error.value.details()


def test_markers_are_directories_also_without_a_listing(plugin, fake):
    """Consoles and file managers put an object "x/" for each directory: it sorts first of all below it."""
    bucket = fake({"marker/": b"", "full/": b"bytes", "full/x": b"x", "full/sub/": b"", "full/sub/y": b"y", "p/": b""})
    path = plugin.mount("markers", {**bucket.parameters, "consistency": "strong"})
    assert (path / "full/sub/y").read_bytes() == b"y" and (path / "full/x").read_bytes() == b"x"
    assert (path / "marker").is_dir() and os.listdir(path / "marker") == []
    plugin.unmount("markers")
    path = plugin.mount("markers", {**bucket.parameters, "source": "s3://b/p"})
    assert os.listdir(path) == []
    plugin.unmount("markers")


def test_lookup_without_a_listing(plugin, fake):
    """A path is found by itself: no directory on the way is listed whole."""
    bucket = fake({f"deep/er/file{i}": b"%d" % i for i in range(3000)})
    path = plugin.mount("lookup", bucket.parameters)
    before = bucket.lists
    assert (path / "deep/er/file2999").read_bytes() == b"2999"
    with pytest.raises(FileNotFoundError):
        open(path / "deep/er/none")
    assert bucket.lists - before <= 5
    plugin.unmount("lookup")


def test_a_walk_is_listed_ahead(plugin, fake):
    """find, ls -R and the like do not wait for one directory after the other; who opens one directory lists only that."""
    keys = [f"d{i:03}/{j}/f" for i in range(60) for j in range(2)]
    bucket = fake({key: b"x" for key in keys})
    path = plugin.mount("walk", {**bucket.parameters, "consistency": "immutable"})
    assert len(os.listdir(path)) == 60 and os.listdir(path / "d050") == ["0", "1"]
    before = bucket.lists
    os.listdir(path / "d040")
    time.sleep(0.2)
    assert bucket.lists - before == 1
    bucket.delay, bucket.listing_most = 0.02, 0
    found = subprocess.run(["find", ".", "-type", "f"], cwd=path, capture_output=True, text=True, check=True).stdout
    assert sorted(found.split()) == sorted("./" + key for key in keys)
    assert 4 <= bucket.listing_most <= 17, "16 ahead, and the one that find waits for"
    plugin.unmount("walk")


@pytest.mark.parametrize("start_after", ["as asked", "ignored", "refused"])
def test_a_long_directory_is_listed_in_ranges(plugin, fake, start_after):
    """Several requests at a time where the server can begin anywhere; in any case the same names, in the same order."""
    keys = {f"d/img_{i:06}.jpg" for i in range(6000)} | {f"d/img_{i:06}/x" for i in range(0, 6000, 97)}
    keys |= {f"d/{name}" for name in ["ünï", "日本", "sp ace+%41", "x//hidden", "img_003000.jpg/below", "img_0-", "img_0.", "z" * 256, "z" * 300]}
    bucket = fake(dict.fromkeys(keys, b"x"))
    bucket.start_after, bucket.delay = start_after, 0.02
    volume = f"ranges-{start_after.split()[0]}"
    path = plugin.mount(volume, {**bucket.parameters, "consistency": "immutable"})
    # In the order of keys, where a directory's ends in '/'; what is hidden left out.
    rows = sorted({key.split("/")[1] + ("/" if key.count("/") > 1 else "") for key in keys}, key=os.fsencode)
    names = [row.rstrip("/") for row in rows if len(row) < 256 and row.rstrip("/") not in {r.rstrip("/") for r in rows if r.endswith("/") and r != row}]
    assert [entry.name for entry in os.scandir(path / "d")] == names
    assert hidden(plugin, volume) == 2
    if start_after == "as asked":
        assert bucket.listing_most > 3
    plugin.unmount(volume)


def test_ranges_of_a_real_server(plugin, s3, s3_volume):
    bucket = s3.bucket("ranges")
    names = {f"{i * 7919 % 100003:x}{'.-_~'[i % 4]}{i % 13}" for i in range(7000)} | {"ünï", "日本", "a+b %41"}
    for name in names:
        (bucket / name).touch()
    for i in range(0, 7000, 50):
        (bucket / f"{i * 7919 % 100003:x}").mkdir(exist_ok=True)
        (bucket / f"{i * 7919 % 100003:x}" / "x").touch()
        names.add(f"{i * 7919 % 100003:x}")
    context, secrets = s3_volume("ranges", consistency="immutable")
    path = plugin.mount("real", context, secrets)
    listed = os.listdir(path)
    assert sorted(listed) == sorted(names)
    plugin.unmount("real")


def test_strong_sees_changes_at_once(plugin, fake):
    bucket = fake({"f": b"one", "gone": b"x"})
    path = plugin.mount("strong", {**bucket.parameters, "consistency": "strong"})
    assert (path / "f").read_bytes() == b"one" and sorted(os.listdir(path)) == ["f", "gone"]
    bucket.keys.update({"f": b"two and longer", "new": b"n"})
    del bucket.keys["gone"]
    assert (path / "f").read_bytes() == b"two and longer"
    assert sorted(os.listdir(path)) == ["f", "new"]
    with pytest.raises(FileNotFoundError):
        open(path / "gone")
    plugin.unmount("strong")


def test_eventual_sees_changes_after_the_ttl(plugin, fake):
    bucket = fake({"f": b"one"})
    path = plugin.mount("eventual", {**bucket.parameters, "consistency": "eventual", "metadataTtl": "500ms"})
    assert (path / "f").read_bytes() == b"one" and os.listdir(path) == ["f"]
    bucket.keys.update({"f": b"two!", "g": b"g"})
    assert (path / "f").read_bytes() == b"one"
    time.sleep(0.7)
    assert (path / "f").read_bytes() == b"two!" and sorted(os.listdir(path)) == ["f", "g"]
    plugin.unmount("eventual")


def test_immutable_never_asks_again(plugin, fake):
    bucket = fake({"f": b"one"})
    path = plugin.mount("immutable", {**bucket.parameters, "consistency": "immutable"})
    assert os.listdir(path) == ["f"] and (path / "f").read_bytes() == b"one"
    bucket.keys.update({"f": b"two!", "g": b"g"})
    before = bucket.lists
    assert os.listdir(path) == ["f"] and (path / "f").read_bytes() == b"one"
    assert not (path / "g").exists() and bucket.lists == before
    plugin.unmount("immutable")


def test_a_million_entries(make_plugin):
    """Listed in bounded memory, while other volumes and the admin socket answer."""
    count = 1_000_000
    data = harness.new_directory("sluice-million-")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755,nr_inodes=2m", "tmpfs", data], check=True)
    (data / "big").mkdir()
    # Hard links to one file: a million names at a tenth of the cost of files.
    (data / "one").touch()
    for i in range(count):
        if i % 50_000 == 0:
            (data / f"one{i}").touch()
            current = str(data / f"one{i}")
        os.link(current, f"{data}/big/{i:07}")
    plugin = make_plugin()
    path = plugin.mount("million", {"source": f"file://{data}", "consistency": "immutable"})
    other = plugin.mount("other", {"source": f"file://{data}"})
    slowest = 0.0
    seen = 0
    with os.scandir(path / "big") as entries:
        for entry in entries:
            if seen % 100_000 == 0:
                start = time.monotonic()
                assert len(os.listdir(other)) == 22
                plugin.json("status")
                slowest = max(slowest, time.monotonic() - start)
            seen += 1
    assert seen == count
    assert slowest < 10, "another volume waited"
    status = pathlib.Path(f"/proc/{plugin.daemon_pid()}/status").read_text()
    anonymous_kib = int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")))
    assert anonymous_kib < (600 if harness.SANITIZED else 150) * 1024, f"{anonymous_kib} KiB for a million names"
    plugin.destroy()
    subprocess.run(["umount", "-l", data], check=True)
    harness.remove_directory(data)
