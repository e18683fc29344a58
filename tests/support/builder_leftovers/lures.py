"""Files of a fresh image that look like the planted ones, and are none: `seal` must find nothing in them."""

from __future__ import annotations

from pathlib import Path

from image_root import link, put

# Path -> content, group by group.
LURES = {
    # Host identity, disks, network: as packages ship them, or meant for every clone.
    "/etc/hosts": "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\nff02::1\t\tip6-allnodes\n",
    "/etc/mdadm/mdadm.conf": "# mdadm.conf\nHOMEHOST <system>\nMAILADDR root\n# definitions of existing MD arrays\n",
    "/etc/kernel/cmdline": "root=LABEL=root ro console=ttyS0\n",
    "/etc/network/interfaces": "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n",
    "/etc/netplan/01-netcfg.yaml": (
        "network:\n  version: 2\n  ethernets:\n    all:\n      match: {name: en*}\n      dhcp4: true\n"
    ),
    "/etc/systemd/network/80-dhcp.network": "[Match]\nName=en*\n\n[Network]\nDHCP=yes\n",
    "/etc/udev/rules.d/README": "The files in this directory are read by udev(7).\n",
    "/etc/lvm/lvm.conf": 'devices {\n\tdir = "/dev"\n}\n',
    # Credentials: the tools' settings without a secret, and references to one.
    "/root/.aws/config": "[default]\nregion = eu-west-1\noutput = json\n",
    "/root/.config/pip/pip.conf": "[global]\nindex-url = https://pypi.org/simple\n",
    "/root/.yarnrc.yml": 'nodeLinker: node-modules\nnpmAuthToken: "${NPM_TOKEN}"\n',
    "/root/.m2/settings.xml": (
        "<settings><servers><server><id>n</id><password>${env.NEXUS}</password></server></servers></settings>\n"
    ),
    "/root/.gradle/gradle.properties": "org.gradle.jvmargs=-Xmx2g\norg.gradle.parallel=true\n",
    "/root/.curlrc": "silent\nshow-error\n",
    "/root/.wgetrc": "timestamping = on\n",
    "/root/.gitconfig": "[user]\n\tname = A\n\temail = a@example.net\n",
    "/root/.bundle/config": '---\nBUNDLE_PATH: "vendor/bundle"\nBUNDLE_WITHOUT: "development"\n',
    "/etc/default/app": "# APP_PASSWORD=changeme\nAPP_USER=app\nAPP_PASSWORD_FILE=/run/secrets/app\n",
    "/etc/systemd/system/app.service": (
        "[Service]\nEnvironmentFile=-/etc/app.env\nLoadCredential=token:/run/app\nExecStart=/opt/app/run\n"
    ),
    "/srv/app/config.yml": "database:\n  url: postgres://app:${DB_PASSWORD}@db/app\n  password: ENV[DB_PASSWORD]\n",
    "/srv/app/docker-compose.yml": (
        "services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?}\n"
    ),
    "/srv/app/README.md": "Set `password: YOUR_PASSWORD` or `postgres://user:password@localhost/db`.\n",
    # Services and VPNs, as installed.
    "/etc/wpa_supplicant/wpa_supplicant.conf": "ctrl_interface=DIR=/run/wpa_supplicant GROUP=netdev\nupdate_config=1\n",
    "/etc/ipsec.secrets": "# This file holds shared secrets or RSA private keys for authentication.\n",
    "/etc/ppp/chap-secrets": "# Secrets for authentication using CHAP\n# client\tserver\tsecret\tIP addresses\n",
    "/etc/redis/redis.conf": "bind 127.0.0.1 -::1\n# requirepass foobared\n",
    "/etc/snmp/snmpd.conf": "agentaddress 127.0.0.1,[::1]\nrocommunity  public default -V systemonly\n",
    "/etc/nslcd.conf": "uri ldap://127.0.0.1/\n#bindpw secret\n",
    "/etc/grafana/grafana.ini": "[security]\n;admin_password = admin\n;secret_key = SW2YcwTIb9zpOOhoPsMm\n",
    # Agents, installed and not yet enrolled.
    "/etc/datadog-agent/datadog.yaml": "api_key:\nsite: datadoghq.eu\n",
    "/etc/zabbix/zabbix_agentd.conf": "Server=127.0.0.1\n# TLSPSKFile=\nInclude=/etc/zabbix/zabbix_agentd.d/*.conf\n",
    "/etc/buildkite-agent/buildkite-agent.cfg": 'token="xxx"\nname="%hostname-%spawn"\n',
    "/etc/landscape/client.conf": "[client]\nlog_level = info\n",
    "/etc/salt/minion": "#master: salt\n#id:\n",
    "/etc/docker/daemon.json": '{"log-driver": "journald"}\n',
    "/etc/rancher/k3s/registries.yaml": "mirrors:\n  docker.io: {}\n",
    # cloud-init, ssh and access, as a distribution ships them.
    "/etc/cloud/cloud.cfg.d/05_logging.cfg": "_log:\n - &log_base |\n   [loggers]\n   keys=root,cloudinit\n",
    "/etc/ssh/sshd_config": (
        "Include /etc/ssh/sshd_config.d/*.conf\n#PermitRootLogin prohibit-password\n"
        "KbdInteractiveAuthentication no\nPasswordAuthentication no\nUsePAM yes\n"
    ),
    "/etc/sudoers": (
        "Defaults\tenv_reset\nroot\tALL=(ALL:ALL) ALL\n%sudo\tALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n"
    ),
    "/etc/sudoers.d/README": (
        "# As of Debian version 1.7.2p1-1, the default /etc/sudoers file\n# user ALL=(ALL) NOPASSWD:ALL\n"
    ),
    "/etc/gdm3/daemon.conf": "[daemon]\n# AutomaticLoginEnable = true\n# AutomaticLogin = user1\n",
    "/etc/systemd/system/getty@tty1.service.d/noclear.conf": "[Service]\nTTYVTDisallocate=no\n",
    # Jobs of packages.
    "/etc/cron.d/e2scrub_all": "30 3 * * 0 root test -e /run/systemd/system || /sbin/e2scrub_all\n",
    "/etc/crontabs/root": "# min\thour\n*/15\t*\t*\t*\t*\trun-parts /etc/periodic/15min\n",
    "/etc/crontab": "17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n",
    "/etc/cron.daily/dpkg": "#!/bin/sh\nexec /usr/libexec/dpkg/dpkg-db-backup\n",
    # Traces: files with such an end that are none, and empty ones.
    "/etc/skel/.bashrc": "HISTSIZE=1000\nHISTFILESIZE=2000\n",
    "/etc/logrotate.d/bak": "/var/log/x.log {\n}\n",
    "/opt/app/node_modules/x/index.js.bak": "x\n",
    "/opt/app/doc/core.md": "core\n",
    # Settings: a proxy that is commented out, and a public mirror.
    "/etc/wgetrc": "#http_proxy = http://proxy.yoyodyne.com:18023/\n#use_proxy = on\n",
    "/etc/sysconfig/proxy": 'PROXY_ENABLED="no"\nHTTP_PROXY=""\nHTTPS_PROXY=""\n',
    "/etc/profile.d/path.sh": "export PATH=$PATH:/opt/app/bin\n",
    "/etc/systemd/system/docker.service.d/limits.conf": "[Service]\nLimitNOFILE=infinity\n",
}


def lures(root: Path) -> None:
    """Put all of them into a clean root."""
    for path, content in LURES.items():
        put(root, path, content)
    for path in ("/var/spool/cron/crontabs", "/var/spool/cron/atjobs", "/etc/lvm/backup", "/var/cache/app"):
        (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    put(root, "/var/spool/cron/atjobs/.SEQ", "00000\n")
    link(root, "/root/.mysql_history", "/dev/null")
