"""The examples of docs/semantics.md, executed."""

import json
import re
import subprocess

import harness
import test_names


def test_examples_of_the_document(plugin):
    text = (harness.ROOT / "docs/semantics.md").read_text()
    keys = json.loads(re.search(r"```json\n(.*?)```", text, re.S).group(1))
    bucket = test_names.FakeBucket({key: value.encode() for key, value in keys.items()})
    path = plugin.mount("doc", bucket.parameters)
    ran = 0
    for block in re.findall(r"```console\n(.*?)```", text, re.S):
        for example in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, expected = example.partition("\n")
            done = subprocess.run(["sh", "-c", command], cwd=path, capture_output=True, text=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
            assert (done.stdout + done.stderr).rstrip("\n") == expected.rstrip("\n"), command
            ran += 1
    assert ran >= 10
    plugin.unmount("doc")
    bucket.server.shutdown()
