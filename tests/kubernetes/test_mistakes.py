"""What a new user gets wrong: the pod's events say what it was, and what to do."""

import re

import pytest

import dataset
import harness

RIGHT = {"accessKeyId": harness.ACCESS_KEY, "secretAccessKey": harness.SECRET_KEY}


def expect(namespace, kubectl, pattern, secret="given", **parameters):
    namespace.apply_volume("data", secret, **parameters)
    namespace.start("reader", dataset.READ, "data", {"SUMS": ""})
    return kubectl.wait_for_event(re.compile(pattern), "reader", namespace.name)


@pytest.fixture
def parameters(s3, namespace):
    dataset.fill(s3.bucket(namespace.name))
    return {"source": f"s3://{namespace.name}", "endpoint": s3.url}


def test_wrong_key(kubectl, namespace, parameters):
    namespace.apply_secret("given", **RIGHT | {"secretAccessKey": "not-the-one"})
    expect(namespace, kubectl, r"FailedMount.*Unauthenticated.*check the volume.s Secret", **parameters)


def test_wrong_name_of_a_key(kubectl, namespace, parameters):
    namespace.apply_secret("given", accessKeyID=harness.ACCESS_KEY, secretAccessKey=harness.SECRET_KEY)
    expect(namespace, kubectl, r"FailedMount.*accessKeyID.*accessKeyId", **parameters)


def test_wrong_bucket(kubectl, namespace, parameters):
    namespace.apply_secret("given", **RIGHT)
    expect(namespace, kubectl, r"FailedMount.*NotFound.*no-such-bucket.*check the volume.s source and endpoint", **parameters | {"source": "s3://no-such-bucket"})


def test_missing_secret(kubectl, namespace, parameters):
    expect(namespace, kubectl, r'FailedMount.*secrets "forgotten" not found', secret="forgotten", **parameters)


def test_wrong_endpoint(kubectl, namespace, parameters):
    namespace.apply_secret("given", **RIGHT)
    expect(namespace, kubectl, r"FailedMount.*Unavailable.*10\.255\.0\.1:1\b.*check the address", **parameters | {"endpoint": "http://10.255.0.1:1"})


def test_misspelled_parameter(kubectl, namespace, parameters):
    namespace.apply_secret("given", **RIGHT)
    expect(namespace, kubectl, r"FailedMount.*InvalidArgument.*consistancy.*consistency", consistancy="strong", **parameters)


def test_unknown_pool(kubectl, namespace, parameters):
    namespace.apply_secret("given", **RIGHT)
    expect(namespace, kubectl, r"FailedMount.*pool.*fast.*default", pool="fast", **parameters)
