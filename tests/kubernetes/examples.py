"""The examples of deploy/kubernetes, with nothing in them but a bucket and keys of one's own."""

import yaml

import dataset
import harness

ALL = {"example.yaml": "reader", "dataset.yaml": "dataset-reader"}  # and the pod that reads


def read(s3, kubectl, example):
    """Applies one, waits for its pod to list the bucket, and deletes it."""
    directory = s3.bucket("imagenet") / "train"
    directory.mkdir(exist_ok=True)
    dataset.fill(directory)
    text = (harness.ROOT / "deploy/kubernetes" / example).read_text()
    for placeholder, own in {"accessKeyId: REPLACE": f"accessKeyId: {harness.ACCESS_KEY}", "secretAccessKey: REPLACE": f"secretAccessKey: {harness.SECRET_KEY}",
                             "https://s3.example.com": s3.url}.items():
        assert text.count(placeholder) == 1
        text = text.replace(placeholder, own)
    documents = list(yaml.safe_load_all(text))
    kubectl.apply(documents)
    try:
        kubectl.wait_until(lambda pod: pod["status"]["phase"] == "Running", "pod", ALL[example], what="running")
        harness.wait_until(lambda: "0.bin" in kubectl("logs", ALL[example]), what="the listing")
    finally:
        kubectl.delete(documents, "--timeout=60s")
