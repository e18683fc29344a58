"""Leftovers of the table `agents.builds`, planted: (code, path, content)."""

from __future__ import annotations

BUILDS: tuple[tuple[str, str, str | bytes], ...] = (
    ("agent.gitlab", "/etc/gitlab-runner/config.toml", '[[runners]]\n  name = "builder"\n  token = "x7JYzA"\n'),
    ("agent.gitlab", "/srv/gitlab-runner/config/config.toml", '[[runners]]\n  name = "builder"\n  token = "x7JYzA"\n'),
    ("agent.gitlab-id", "/etc/gitlab-runner/.runner_system_id", "x"),
    ("agent.gitlab-id", "/srv/gitlab-runner/config/.runner_system_id", "x"),
    ("agent.github", "/home/alice/actions-runner/.runner", "x"),
    ("agent.github", "/var/lib/github-runner/one/.runner_migrated", "x"),
    ("agent.azure-pipelines", "/home/alice/myagent/.agent", "x"),
    ("agent.azure-pipelines", "/agent/.token", "x"),
    ("agent.buildkite", "/etc/buildkite-agent/buildkite-agent.cfg", 'token="0123456789abcdef"\n'),
    ("agent.buildkite", "/opt/homebrew/etc/buildkite-agent/buildkite-agent.cfg", 'token="0123456789abcdef"\n'),
    ("agent.jenkins", "/var/lib/jenkins/identity.key.enc", "x"),
    ("agent.jenkins", "/var/jenkins_home/identity.key.enc", "x"),
    ("agent.jenkins-agent", "/etc/default/jenkins-agent", "JENKINS_SECRET=0123456789abcdef0123456789abcdef\n"),
    (
        "agent.jenkins-agent",
        "/usr/local/jenkins-service/secret-file",
        "JENKINS_SECRET=0123456789abcdef0123456789abcdef\n",
    ),
    (
        "agent.teamcity",
        "/opt/buildagent/conf/buildAgent.properties",
        "serverUrl=https://ci\nname=builder\nauthorizationToken=abc\n",
    ),
    (
        "agent.teamcity",
        "/home/alice/BuildAgent/conf/buildAgent.properties",
        "serverUrl=https://ci\nname=builder\nauthorizationToken=abc\n",
    ),
    ("agent.drone", "/etc/drone-runner-1/config", "DRONE_RPC_SECRET=abc\n"),
    ("agent.drone", "/etc/drone-runner-exec/one", "DRONE_RPC_SECRET=abc\n"),
    ("agent.woodpecker", "/etc/woodpecker/agent.conf", "x"),
    ("agent.forgejo", "/var/lib/act_runner/.runner", "x"),
    ("agent.forgejo", "/home/alice/act_runner/.runner", "x"),
    ("agent.gocd", "/var/lib/go-agent/config/guid.txt", "x"),
    ("agent.gocd", "/var/lib/go-agent/config/one.pem", "x"),
    ("agent.gocd-key", "/var/lib/go-agent/config/autoregister.properties", "agent.auto.register.key=abc\n"),
    ("agent.concourse", "/etc/concourse/1key", "x"),
    ("agent.concourse", "/etc/concourse/keys/one", "x"),
    ("agent.circleci", "/etc/opt/circleci/launch-agent-config.yaml", "api:\n  auth_token: 0123456789\n"),
    ("agent.circleci", "/opt/circleci/launch-agent-config.yaml", "api:\n  auth_token: 0123456789\n"),
    ("agent.buildbot", "/var/lib/buildbot/workers/one/buildbot.tac", "passwd = 'abc'\n"),
    ("agent.buildbot", "/home/alice/buildbot.tac", "passwd = 'abc'\n"),
    (
        "agent.rundeck",
        "/etc/rundeck/framework.properties",
        "rundeck.server.uuid = 5c3e8f6a-0000-4000-8000-000000000001\n",
    ),
)
