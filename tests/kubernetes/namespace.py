"""A namespace of a test's own, with the volumes and pods in it."""

import image

DRIVER = "sluice.csi.io"


class Namespace:
    """Made at once. `destroy` begins its end, and `wait_until_gone` fails if anything of it stays."""

    def __init__(self, kubectl, name):
        self.kubectl = kubectl
        self.name = name
        self.cluster_wide = []
        kubectl.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
        kubectl.wait_until(bool, "serviceaccount", "default", name)

    def apply(self, *documents):
        """Namespaced objects go into this namespace; others end with it."""
        for document in documents:
            if document["kind"] in ("PersistentVolume", "StorageClass"):
                self.cluster_wide.append(document)
            else:
                document["metadata"]["namespace"] = self.name
        self.kubectl.apply(documents)

    def apply_secret(self, name, **values):
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values})

    def apply_volume(self, name, secret, **parameters):
        """A PersistentVolume made by hand, and its claim of the same name."""
        volume = f"{self.name}-{name}"
        self.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume},
                    "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadOnlyMany"], "storageClassName": "", "persistentVolumeReclaimPolicy": "Retain",
                             "claimRef": {"namespace": self.name, "name": name},
                             "csi": {"driver": DRIVER, "volumeHandle": volume, "volumeAttributes": parameters,
                                     "nodeStageSecretRef": {"namespace": self.name, "name": secret}}}},
                   claim(name, "", volumeName=volume))

    def apply_class(self, name, secret, **parameters):
        """A StorageClass, whose name is returned."""
        name = f"{self.name}-{name}"
        self.apply({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}, "provisioner": DRIVER,
                    "parameters": parameters | {"csi.storage.k8s.io/node-stage-secret-name": secret, "csi.storage.k8s.io/node-stage-secret-namespace": self.name}})
        return name

    def start(self, name, script, claim_name, environment=None):
        """A pod that runs a shell script in the directory where the claim's volume is."""
        self.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
            "restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "it", "image": image.BUSYBOX, "command": ["sh", "-c", script], "workingDir": "/data",
                            "env": [{"name": key, "value": value} for key, value in (environment or {}).items()],
                            "volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": True}]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name, "readOnly": True}}]}})

    def wait_for_phase(self, name, *phases, seconds=60):
        return self.kubectl.wait_until(lambda pod: pod["status"]["phase"] in phases, "pod", name, self.name, seconds, " or ".join(phases))

    def wait_for_exit(self, name, seconds=60):
        """The exit code of a pod's container, and how often it was started again."""
        status = self.wait_for_phase(name, "Succeeded", "Failed", seconds=seconds)["status"]["containerStatuses"][0]
        return status["state"]["terminated"]["exitCode"], status["restartCount"]

    def log(self, name):
        return self.kubectl("logs", name, f"--namespace={self.name}")

    def destroy(self):
        self.kubectl("delete", "namespace", self.name, "--ignore-not-found", "--wait=false")
        self.kubectl.delete(self.cluster_wide, "--wait=false")

    def wait_until_gone(self):
        self.kubectl.wait_until_gone("namespace", self.name, seconds=120)
        for document in self.cluster_wide:
            self.kubectl.wait_until_gone(document["kind"], document["metadata"]["name"])


def claim(name, storage_class, **more):
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
            "spec": {"storageClassName": storage_class, "accessModes": ["ReadOnlyMany"], "resources": {"requests": {"storage": "1Gi"}}} | more}
