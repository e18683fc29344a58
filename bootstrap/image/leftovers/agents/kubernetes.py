"""Identities of nodes of Kubernetes and of its distributions."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILLED, LISTED, Leftover

_NODE = "every clone would be that one node"
_RANCHER = ("/var/lib/rancher/k3s", "/var/lib/rancher/rke2")

# Images and manifests that lie below these folders may be in an image on purpose: they are no row.
KUBERNETES = (
    Leftover(
        "agent.kubelet", ("/var/lib/kubelet/pki/*",), "a certificate of a kubelet", _NODE, "kubeadm reset", LISTED,
        product="Kubernetes",
        source="https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/",
    ),
    Leftover(
        "agent.kubelet-access", ("/var/lib/kubelet/kubeconfig", "/var/lib/kubelet/bootstrap-kubeconfig",
        "/var/lib/kubelet/kubeadm-flags.env", "/var/lib/kubelet/cpu_manager_state",
        "/var/lib/kubelet/memory_manager_state"), "a kubelet's access to its cluster, or its state", _NODE,
        "kubeadm reset", LISTED, product="Kubernetes",
        source="https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/",
    ),
    Leftover(
        "agent.kubeadm", ("/etc/kubernetes/pki/**",), "a certificate or key of a cluster",
        "every clone could act as the cluster's control plane", "kubeadm reset", LISTED, product="kubeadm",
        source="kubernetes/kubeadm: docs/design/design_v1.10.md",
    ),
    Leftover(
        "agent.kubeadm-manifests", ("/etc/kubernetes/manifests/etcd.yaml", "/etc/kubernetes/manifests/kube-*.yaml"),
        "a part of a control plane that the kubelet starts", "every clone would start the builder's control plane",
        "kubeadm reset", LISTED, product="kubeadm", source="kubernetes/kubeadm: docs/design/design_v1.10.md",
    ),
    Leftover(
        "agent.kubeadm-settings", ("/etc/kubeadm.yml", "/etc/kubernetes/kubeadm.yml", "/root/kubeadm.yaml"),
        "settings of kubeadm with a token", "whoever has a clone could join the cluster", "remove it", LISTED,
        holds=rb"(?m)^\s*(?:-\s*)?(?:token|certificateKey|tlsBootstrapToken):\s*\S", product="kubeadm",
        source="kubernetes-sigs/image-builder: images/capi/ansible/roles/kubernetes/tasks/kubeadmpull.yml",
    ),
    Leftover(
        "agent.etcd", ("/var/lib/etcd", "/var/lib/etcd2", "/var/lib/etcd-data"), "the data of an etcd member",
        "every clone would be that one member, and their logs would part", "etcdctl member remove, then remove it",
        LISTED, FILLED, product="etcd",
        source="etcd-io/website: content/en/docs/v3.5/op-guide/runtime-configuration.md",
    ),
    Leftover(
        "agent.rancher-node", ("/etc/rancher/node/password", "/var/lib/rancher/k3s/agent/node-password.txt"),
        "a node's password for its cluster", "the server takes all clones for one node, and turns the others away",
        "remove it: the agent makes a new one when it joins", product="K3s, RKE2",
        source="rancher/rke2-docs: docs/advanced.md",
    ),
    Leftover(
        "agent.rancher-token", tuple(f"{top}/server/{name}" for top in _RANCHER for name in ("token", "node-token",
        "agent-token")), "the token of a cluster", "whoever has a clone could join the cluster",
        "k3s-uninstall.sh or rke2-uninstall.sh", LISTED, product="K3s, RKE2", source="https://docs.k3s.io/cli/token",
    ),
    Leftover(
        "agent.rancher-server", tuple(f"{top}/server/{name}" for top in _RANCHER for name in ("db", "tls", "cred")),
        "the data or the keys of a cluster", "every clone would be that one server", "remove it, or uninstall", LISTED,
        FILLED, product="K3s, RKE2", source="https://docs.k3s.io/datastore/backup-restore",
    ),
    Leftover(
        "agent.rancher-agent", tuple(f"{top}/agent/{name}" for top in _RANCHER for name in ("*.kubeconfig", "*.key",
        "*.crt", "etc/*-load-balancer.json")), "an agent's access to its cluster", _NODE,
        "remove it: the agent fetches it anew when it joins", LISTED, product="K3s, RKE2",
        source="https://docs.k3s.io/cli/certificate",
    ),
    Leftover(
        "agent.rke2-access", ("/etc/rancher/rke2/rke2.yaml",), "an administrator's access to a cluster",
        "whoever has a clone could use the cluster", "remove it", LISTED, holds=rb"client-key-data|token:",
        product="RKE2", source="rancher/rke2-docs: docs/cluster_access.md",
    ),
    # A token in the settings may be there on purpose: every clone shall join.
    Leftover(
        "agent.rancher-join", ("/etc/rancher/k3s/config.yaml", "/etc/rancher/rke2/config.yaml",
        "/etc/systemd/system/k3s*.service.env", "/etc/rancher/*/config.yaml.d/*"), "a token for joining a cluster",
        "whoever has a clone could join the cluster", "give it to each clone at its first boot", LISTED, warning=True,
        holds=rb"(?m)^(?:\s*(?:agent-)?token:\s*\S|K3S_TOKEN=\S)", product="K3s, RKE2",
        source="rancher/rke2-docs: docs/install/configuration.md",
    ),
    Leftover(
        "agent.rancher-system", ("/etc/rancher/agent/connection-info.json", "/etc/rancher/agent/conninfo.yaml",
        "/var/lib/rancher/agent/rancher2_connection_info.json"), "the registration of a Rancher system agent",
        "every clone would be that one machine", "rancher-system-agent-uninstall.sh", LISTED, product="Rancher",
        source="rancher/system-agent: examples/configuration/README.md",
    ),
    Leftover(
        "agent.rancher-state", ("/var/lib/rancher/agent", "/var/lib/rancher/state", "/var/lib/rancher/etc"),
        "the state of a Rancher agent", "every clone would be that one host", "remove it", LISTED, FILLED,
        product="Rancher", source="rancher/system-agent: install.sh",
    ),
    Leftover(
        "agent.k0s", ("/var/lib/k0s/kubelet.conf", "/var/lib/k0s/kubelet-bootstrap.conf", "/etc/k0s/k0stoken",
        "/etc/k0s/*.token"), "a node's access to a k0s cluster", _NODE, "k0s reset", LISTED, product="k0s",
        source="k0sproject/k0s: pkg/config/cfgvars.go",
    ),
    Leftover(
        "agent.k0s-server", ("/var/lib/k0s/pki", "/var/lib/k0s/etcd", "/var/lib/k0s/db", "/var/lib/k0s/kubelet/pki"),
        "the keys or the data of a k0s cluster", "every clone would be that one controller", "k0s reset", LISTED,
        FILLED, product="k0s", source="k0sproject/k0s: docs/backup.md",
    ),
    Leftover(
        "agent.microk8s", tuple(f"/var/snap/microk8s/{revision}/{name}" for revision in ("current", "[0-9]*")
        for name in ("credentials", "certs", "var/kubernetes/backend")), "the keys, tokens or data of a MicroK8s node",
        _NODE, "microk8s reset --destroy-storage, or leave", LISTED, FILLED, product="MicroK8s",
        source="canonical/microk8s: microk8s-resources/actions/common/utils.sh",
    ),
)  # fmt: skip
