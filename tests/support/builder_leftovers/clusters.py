"""Credentials for clusters and for registries of containers."""

from __future__ import annotations

import base64
import json

from builder_leftovers.forms import alnum, b64, certificate, hexes, jwt, password, pem
from builder_leftovers.item import Item

DOCKER = "https://docs.docker.com/reference/cli/docker/login/"
CONTAINERS = "containers/image: docs/containers-auth.json.5.md"
KUBECONFIG = "https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def auths(registry: str) -> str:
    """A login as docker, podman and helm keep it."""
    return json.dumps({"auths": {registry: {"auth": _base64(f"builder:dckr_pat_{alnum(27)}")}}}, indent="\t")


def kubeconfig(server: str) -> str:
    """A kubeconfig with a client's key."""
    return f"""\
apiVersion: v1
kind: Config
clusters:
- cluster:
    certificate-authority-data: {_base64(certificate())}
    server: {server}
  name: build
contexts:
- context: {{cluster: build, user: admin}}
  name: build
current-context: build
users:
- name: admin
  user:
    client-certificate-data: {_base64(certificate())}
    client-key-data: {_base64(pem("RSA PRIVATE KEY"))}
"""


CLUSTERS = (
    Item("kubectl", "/root/.kube/config", kubeconfig("https://10.0.0.9:6443"), KUBECONFIG, 0o600),
    Item("kubectl", "/home/alice/.kube/config",
         f"apiVersion: v1\nkind: Config\nusers:\n- name: alice\n  user:\n    token: {jwt()}\n", KUBECONFIG, 0o600),
    Item("kubectl", "/root/clusters/prod.kubeconfig", kubeconfig("https://k8s.example.net:6443"), KUBECONFIG),
    Item("Helm", "/root/.config/helm/repositories.yaml",
         f"apiVersion: \"\"\nrepositories:\n- name: internal\n  password: {password()}\n"
         "  url: https://charts.example.net\n  username: builder\n",
         "https://helm.sh/docs/helm/helm_repo_add/", 0o600),
    Item("Helm", "/root/.config/helm/registry/config.json", auths("registry.example.net"),
         "https://helm.sh/docs/helm/helm_registry_login/", 0o600),
    Item("Argo CD", "/root/.config/argocd/config",
         f"contexts:\n- name: cd.example.net\n  server: cd.example.net\nusers:\n- auth-token: {jwt()}\n"
         "  name: cd.example.net\n", "https://argo-cd.readthedocs.io/en/stable/user-guide/commands/argocd_login/",
         0o600),
    Item("Rancher", "/root/.rancher/cli2.json",
         json.dumps({"Servers": {"r": {"accessKey": f"token-{alnum(5).lower()}", "secretKey": alnum(54).lower(),
                                       "tokenKey": f"token-x:{alnum(54).lower()}", "url": "https://r.example.net"}}}),
         "rancher/cli: config/config.go", 0o600),
    Item("minikube", "/root/.minikube/profiles/minikube/client.key", pem("RSA PRIVATE KEY"),
         "https://minikube.sigs.k8s.io/docs/handbook/config/", 0o600),
    Item("Talos", "/root/.talos/config",
         f"context: build\ncontexts:\n  build:\n    endpoints: [10.0.0.9]\n    ca: {_base64(certificate())}\n"
         f"    crt: {_base64(certificate())}\n    key: {_base64(pem('ED25519 PRIVATE KEY', 60))}\n",
         "https://www.talos.dev/latest/reference/cli/", 0o600),
    Item("Docker", "/root/.docker/config.json", auths("https://index.docker.io/v1/"), DOCKER, 0o600),
    Item("Docker", "/srv/app/.docker/config.json", json.dumps({"auths": {"ghcr.io": {"identitytoken": jwt()}}}),
         DOCKER, 0o600),
    Item("Docker", "/root/.docker/machine/certs/key.pem", pem("RSA PRIVATE KEY"),
         "https://docs.docker.com/engine/security/protect-access/", 0o600),
    Item("Docker", f"/root/.docker/trust/private/{hexes(64)}.key",
         pem("ENCRYPTED PRIVATE KEY").replace("KEY-----\n", "KEY-----\nrole: root\n\n", 1),
         "https://docs.docker.com/engine/security/trust/", 0o600),
    Item("podman", "/root/.config/containers/auth.json", auths("quay.io"), CONTAINERS, 0o600),
    Item("podman", "/run/containers/0/auth.json", auths("quay.io"), CONTAINERS, 0o600),
    Item("podman", "/run/user/1000/containers/auth.json", auths("quay.io"), CONTAINERS, 0o600),
    Item("Apptainer", "/root/.apptainer/docker-config.json", auths("ghcr.io"),
         "https://apptainer.org/docs/user/latest/cli/apptainer_registry_login.html", 0o600),
    Item("kubelet", "/var/lib/kubelet/config.json", auths("registry.example.net"),
         "https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/", 0o600),
    Item("containerd", "/etc/containerd/certs.d/registry.example.net/client.key", pem("EC PRIVATE KEY", 117),
         "containerd/containerd: docs/hosts.md", 0o600),
    Item("cosign", "/root/cosign.key", pem("ENCRYPTED SIGSTORE PRIVATE KEY", 480),
         "https://docs.sigstore.dev/cosign/key_management/signing_with_self-managed_keys/", 0o600),
    Item("etcd", "/etc/etcd/pki/peer.key", pem("EC PRIVATE KEY", 117), "https://etcd.io/docs/v3.5/op-guide/security/",
         0o600),
    Item("Kubernetes", "/etc/kubernetes/enc.yaml",
         "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n"
         f"  providers:\n  - aescbc:\n      keys:\n      - name: key1\n        secret: {b64(32)}\n",
         "https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/", 0o600),
    Item("Kubernetes", "/etc/kubernetes/pki/tokens.csv", f"{hexes(32)},builder,1000,\"system:masters\"\n",
         "https://kubernetes.io/docs/reference/access-authn-authz/authentication/", 0o600),
    Item("Juju", "/root/.local/share/juju/accounts.yaml",
         f"controllers:\n  build:\n    user: admin\n    password: {hexes(32)}\n",
         "https://juju.is/docs/juju/directory-juju-data", 0o600),
    Item("Juju", "/root/.local/share/juju/ssh/juju_id_rsa", pem("RSA PRIVATE KEY"),
         "https://juju.is/docs/juju/directory-juju-data", 0o600),
    Item("sealed-secrets", "/root/backup/main.key",
         f"apiVersion: v1\nkind: Secret\ndata:\n  tls.key: {_base64(pem())}\n",
         "bitnami-labs/sealed-secrets: README.md", 0o600),
    Item("Notary", f"/root/.notary/private/{hexes(64)}.key", pem("ENCRYPTED PRIVATE KEY"),
         "notaryproject/notary: docs/getting_started.md", 0o600),
)  # fmt: skip
