"""What tests ask of the API server, each by one call of the real kubectl; every wait is bounded."""

import json

import yaml

import harness


class Refused(Exception):
    """What kubectl says when the API server would not."""


class Kubectl:
    def __init__(self, cluster):
        self.cluster = cluster

    def __call__(self, *arguments, documents=None):
        """Its output; `documents` are its input."""
        done = self.cluster.run("hyperkube", "kubectl", *arguments, capture_output=True, text=True, timeout=300,
                                input=None if documents is None else yaml.safe_dump_all(documents))
        if done.returncode != 0:
            raise Refused(done.stderr.strip())
        return done.stdout

    def apply(self, documents):
        self("apply", "--filename=-", documents=documents)

    def delete(self, documents, *arguments):
        self("delete", "--ignore-not-found", "--filename=-", *arguments, documents=documents)

    def get(self, kind, name=None, namespace="default"):
        """The object, or None; without a name the list of them, in all namespaces if `namespace` is None."""
        where = [f"--namespace={namespace}"] if namespace else ["--all-namespaces"]
        if name is None:
            return json.loads(self("get", kind, *where, "--output=json"))["items"]
        return json.loads(self("get", kind, name, *where, "--ignore-not-found", "--output=json") or "null")

    def wait_until(self, condition, kind, name, namespace="default", seconds=60, what="true"):
        """Polls an object until `condition` of it (or of None) is true; the object."""
        def holds():
            found = self.get(kind, name, namespace)
            return (found,) if condition(found) else None

        return harness.wait_until(holds, seconds, what=f"{kind} {namespace}/{name}: {what}")[0]

    def wait_until_gone(self, kind, name, namespace="default", seconds=60):
        self.wait_until(lambda found: found is None, kind, name, namespace, seconds, what="gone")

    def wait_for_rollout(self, kind, name, namespace, seconds=120):
        self("rollout", "status", f"{kind}/{name}", f"--namespace={namespace}", f"--timeout={seconds}s")

    def events(self, name, namespace="default"):
        """What was said of an object, one line each."""
        return [f'{event["reason"]}: {event["message"]}' for event in self.get("events", None, namespace) if event["involvedObject"]["name"] == name]

    def wait_for_event(self, pattern, name, namespace="default", seconds=60):
        """The first event of an object that a regular expression matches."""
        def found():
            return next((event for event in self.events(name, namespace) if pattern.search(event)), None)

        try:
            return harness.wait_until(found, seconds, what=f"an event like {pattern.pattern!r}")
        except TimeoutError as error:
            raise AssertionError("there are only these events:\n" + "\n".join(self.events(name, namespace))) from error
