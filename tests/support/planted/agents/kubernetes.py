"""Leftovers of the table `agents.kubernetes`, planted: (code, path, content)."""

from __future__ import annotations

KUBERNETES: tuple[tuple[str, str, str | bytes], ...] = (
    ("agent.kubelet", "/var/lib/kubelet/pki/one", "x"),
    ("agent.kubelet-access", "/var/lib/kubelet/kubeconfig", "x"),
    ("agent.kubelet-access", "/var/lib/kubelet/memory_manager_state", "x"),
    ("agent.kubeadm", "/etc/kubernetes/pki/etcd/server.key", "x"),
    ("agent.kubeadm-manifests", "/etc/kubernetes/manifests/etcd.yaml", "x"),
    ("agent.kubeadm-manifests", "/etc/kubernetes/manifests/kube-one.yaml", "x"),
    ("agent.kubeadm-settings", "/etc/kubeadm.yml", "bootstrapTokens:\n- token: abcdef.0123456789abcdef\n"),
    ("agent.kubeadm-settings", "/root/kubeadm.yaml", "bootstrapTokens:\n- token: abcdef.0123456789abcdef\n"),
    ("agent.etcd", "/var/lib/etcd", "one"),
    ("agent.rancher-node", "/etc/rancher/node/password", "x"),
    ("agent.rancher-node", "/var/lib/rancher/k3s/agent/node-password.txt", "x"),
    ("agent.rancher-token", "/var/lib/rancher/k3s/server/token", "x"),
    ("agent.rancher-token", "/var/lib/rancher/rke2/server/agent-token", "x"),
    ("agent.rancher-server", "/var/lib/rancher/k3s/server/db", "one"),
    ("agent.rancher-agent", "/var/lib/rancher/k3s/agent/one.kubeconfig", "x"),
    ("agent.rancher-agent", "/var/lib/rancher/rke2/agent/etc/k3s-agent-load-balancer.json", "x"),
    ("agent.rke2-access", "/etc/rancher/rke2/rke2.yaml", "users:\n- user:\n    client-key-data: LS0t\n"),
    ("agent.rancher-join", "/etc/rancher/k3s/config.yaml", "server: https://one:6443\ntoken: K10abc::server:def\n"),
    (
        "agent.rancher-join",
        "/etc/rancher/one/config.yaml.d/one",
        "server: https://one:6443\ntoken: K10abc::server:def\n",
    ),
    ("agent.rancher-system", "/etc/rancher/agent/connection-info.json", "x"),
    ("agent.rancher-system", "/var/lib/rancher/agent/rancher2_connection_info.json", "x"),
    ("agent.rancher-state", "/var/lib/rancher/agent", "one"),
    ("agent.k0s", "/var/lib/k0s/kubelet.conf", "x"),
    ("agent.k0s", "/etc/k0s/one.token", "x"),
    ("agent.k0s-server", "/var/lib/k0s/pki", "one"),
    ("agent.microk8s", "/var/snap/microk8s/current/credentials", "one"),
)
