"""Fixtures: one S3 server per run, one plugin per test module unless a test wants its own."""

import pytest

import harness


def fail_on_reports():
    if reports := harness.Process.sanitizer_reports():
        pytest.fail("\n".join(reports), pytrace=False)


@pytest.fixture(autouse=True)
def no_sanitizer_reports():
    yield
    fail_on_reports()


@pytest.fixture(autouse=True, scope="module")
def no_sanitizer_reports_at_the_end():
    """As the module's plugin stops: this goes after it."""
    yield
    fail_on_reports()


@pytest.fixture(scope="session")
def s3():
    directory = harness.new_directory("sluice-s3-")
    server = harness.S3Server(directory)
    yield server
    server.stop()
    harness.remove_directory(directory)


@pytest.fixture(scope="module")
def plugin():
    directory = harness.new_directory()
    plugin = harness.Plugin(directory)
    yield plugin
    plugin.destroy()
    harness.remove_directory(directory)


@pytest.fixture
def make_plugin():
    """Starts a plugin with a configuration of the test's own."""
    made = []

    def make(config=harness.Plugin.DEFAULT_CONFIG, arguments=(), **options):
        directory = harness.new_directory()
        plugin = harness.Plugin(directory, config, arguments, **options)
        made.append(plugin)
        return plugin

    yield make
    for plugin in made:
        plugin.destroy()
        harness.remove_directory(plugin.directory)


@pytest.fixture
def s3_volume(s3):
    """Parameters and secrets of a volume over a bucket."""

    def parameters(bucket, **extra):
        context = {"source": f"s3://{bucket}", "endpoint": s3.url, **extra}
        secrets = {"accessKeyId": harness.ACCESS_KEY, "secretAccessKey": harness.SECRET_KEY}
        return context, secrets

    return parameters
