"""Settings that suit the builder, and that clones cannot use."""

from __future__ import annotations

from builder_leftovers.item import Item

PROXY = "http://10.0.2.2:3142"
BUILDER = "kubernetes-sigs/image-builder: images/capi/ansible/roles/sysprep/tasks"

SETTINGS = (
    Item("apt", "/etc/apt/apt.conf.d/90proxy", f'Acquire::http::Proxy "{PROXY}";\nAcquire::https::Proxy "{PROXY}";\n',
         f"{BUILDER}/debian.yml"),
    Item("dnf", "/etc/dnf/dnf.conf", f"[main]\ngpgcheck=1\nproxy={PROXY}\n",
         "https://dnf.readthedocs.io/en/latest/conf_ref.html"),
    Item("yum", "/etc/yum.conf", f"[main]\ngpgcheck=1\nproxy={PROXY}\n",
         "https://man7.org/linux/man-pages/man5/yum.conf.5.html"),
    Item("shell", "/etc/profile.d/proxy.sh", f"export http_proxy={PROXY}\nexport https_proxy={PROXY}\n",
         "https://www.gnu.org/software/wget/manual/html_node/Proxies.html"),
    Item("SUSE", "/etc/sysconfig/proxy", f'PROXY_ENABLED="yes"\nHTTP_PROXY="{PROXY}"\n',
         "https://documentation.suse.com/sles/15-SP6/html/SLES-all/"),
    Item("Docker", "/etc/systemd/system/docker.service.d/http-proxy.conf",
         f'[Service]\nEnvironment="HTTP_PROXY={PROXY}"\n', "https://docs.docker.com/engine/daemon/proxy/"),
    Item("containerd", "/etc/systemd/system/containerd.service.d/http-proxy.conf",
         f'[Service]\nEnvironment="HTTP_PROXY={PROXY}"\n', f"{BUILDER}/main.yml"),
    Item("pip", "/home/alice/.config/pip/pip.conf",
         "[global]\nindex-url = http://10.0.2.2:8081/simple\ntrusted-host = 10.0.2.2\n", f"{BUILDER}/main.yml"),
    Item("invoke-rc.d", "/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n",
         "https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt", 0o755),
    Item("wget", "/etc/wgetrc", f"use_proxy = on\nhttp_proxy = {PROXY}/\n",
         "https://www.gnu.org/software/wget/manual/html_node/Wgetrc-Commands.html"),
    Item("git", "/home/alice/.gitconfig", f"[http]\n\tproxy = {PROXY}\n", "https://git-scm.com/docs/git-config"),
    Item("apt", "/etc/apt/apt.conf.d/99insecure",
         'Acquire::https::Verify-Peer "false";\nAPT::Get::AllowUnauthenticated "true";\n',
         "https://manpages.debian.org/bookworm/apt/apt.conf.5.en.html"),
)  # fmt: skip
