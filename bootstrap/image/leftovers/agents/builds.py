"""Identities of the runners of builds."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import LISTED, Leftover, in_home

_RUNNER = "every clone would be that one runner, and take its jobs"
# Where the guides of the products, and their images, put a runner.
_GITHUB = ("~/actions-runner", "~/runner", "/opt/actions-runner", "/opt/runner", "/actions-runner", "/runner",
           "/srv/actions-runner", "/home/runner", "/opt/github-runner", "/usr/local/actions-runner",
           "/opt/actions-runner/*", "/var/lib/github-runner/*")  # fmt: skip
_AZURE = ("~/myagent", "~/agent", "~/azagent", "/opt/azagent", "/opt/vsts-agent", "/opt/agent", "/azp", "/azp/agent",
          "/opt/azure-pipelines-agent", "/opt/vsts", "/vsts", "/agent")  # fmt: skip
_TEAMCITY = ("/opt/buildagent", "/opt/buildAgent", "/opt/TeamCity/buildAgent", "/opt/teamcity-agent",
             "/opt/teamcity/buildAgent", "/data/teamcity_agent", "~/buildAgent", "~/BuildAgent")  # fmt: skip

BUILDS = (
    Leftover(
        "agent.gitlab", ("/etc/gitlab-runner/config.toml", *in_home(".gitlab-runner/config.toml"),
        "/srv/gitlab-runner/config/config.toml"), "the token of a GitLab runner", _RUNNER,
        "gitlab-runner unregister --all-runners", LISTED, holds=rb"(?m)^[ \t]*token[ \t]*=[ \t]*['\"]\S",
        product="GitLab Runner", source="https://docs.gitlab.com/runner/configuration/advanced-configuration/",
    ),
    Leftover(
        "agent.gitlab-id", ("/etc/gitlab-runner/.runner_system_id", *in_home(".gitlab-runner/.runner_system_id"),
        "/srv/gitlab-runner/config/.runner_system_id"), "the system id of a GitLab runner",
        "GitLab takes all clones for one machine", "remove it: the runner makes a new one when it starts",
        product="GitLab Runner", source="https://gitlab.com/gitlab-org/gitlab-runner/-/merge_requests/3758",
    ),
    Leftover(
        "agent.github", tuple(f"{top}/{name}" for top in _GITHUB for name in (".runner", ".credentials",
        ".credentials_rsaparams", ".credentials_migrated", ".runner_migrated")), "the registration of a GitHub runner",
        _RUNNER, "./config.sh remove", LISTED, product="GitHub Actions runner",
        source="actions/runner: src/Runner.Common/HostContext.cs",
    ),
    Leftover(
        "agent.azure-pipelines", tuple(f"{top}/{name}" for top in _AZURE for name in (".agent", ".credentials",
        ".credentials_rsaparams", ".token")), "the registration of an Azure Pipelines agent", _RUNNER,
        "./config.sh remove", LISTED, product="Azure Pipelines agent",
        source="microsoft/azure-pipelines-agent: src/Microsoft.VisualStudio.Services.Agent/HostContext.cs",
    ),
    # The token is the account's, not the machine's: an image may have it on purpose.
    Leftover(
        "agent.buildkite", ("/etc/buildkite-agent/buildkite-agent.cfg",
        *in_home(".buildkite-agent/buildkite-agent.cfg"), "/opt/homebrew/etc/buildkite-agent/buildkite-agent.cfg"),
        "the token of a Buildkite agent", "whoever has a clone could take jobs",
        "give it to each clone at its first boot", LISTED,
        holds=rb"(?m)^[ \t]*token[ \t]*=[ \t]*['\"]?(?!xxx)[0-9A-Za-z]{8}", product="Buildkite agent",
        source="buildkite/docs: pages/agent/cli/reference/start.md",
    ),
    Leftover(
        "agent.jenkins", ("/var/lib/jenkins/identity.key.enc", "/var/lib/jenkins/secret.key",
        "/var/lib/jenkins/secrets/*", "/var/jenkins_home/secrets/*", "/var/jenkins_home/secret.key",
        "/var/jenkins_home/identity.key.enc"), "the identity or the keys of a Jenkins controller",
        "every clone would be that one controller", "remove it", LISTED, product="Jenkins",
        source="https://www.jenkins.io/doc/book/security/secrets/",
    ),
    Leftover(
        "agent.jenkins-agent", ("/etc/default/jenkins-agent", "/etc/sysconfig/jenkins-agent",
        "/etc/default/jenkins-slave", "/etc/jenkins-agent/*", "/etc/systemd/system/jenkins-agent.service",
        "/etc/systemd/system/jenkins-swarm*.service", "/opt/jenkins/secret-file", "/home/jenkins/secret-file",
        "/usr/local/jenkins-service/secret-file"), "the secret of a Jenkins agent", _RUNNER,
        "give it to each clone at its first boot", LISTED,
        holds=rb"(?i)secret\S*[ \t=:'\"]+(?!@)[0-9a-f]{32}|\A[0-9a-f]{64}\s*\Z|password\S*[ \t]*=[ \t]*\S",
        product="Jenkins agent", source="https://www.jenkins.io/doc/book/using/using-agents/",
    ),
    Leftover(
        "agent.teamcity", tuple(f"{top}/conf/buildAgent.properties" for top in _TEAMCITY),
        "the token and the name of a TeamCity agent", _RUNNER, "take out authorizationToken and name", LISTED,
        holds=rb"(?m)^(?:authorizationToken|name)[ \t]*=[ \t]*[^\s]", product="TeamCity agent",
        source="https://www.jetbrains.com/help/teamcity/configure-agent-installation.html",
    ),
    Leftover(
        "agent.drone", ("/etc/drone-runner-*/config", "/etc/drone-runner-*/*.env", "/etc/drone/*.env",
        *in_home(".drone-runner-exec/config", ".drone-runner-docker/config"), "/etc/drone-runner-exec/*"),
        "the secret of a Drone runner", "whoever has a clone could take jobs",
        "give it to each clone at its first boot", LISTED, holds=rb"DRONE_RPC_SECRET=\S", product="Drone",
        source="drone/docs: content/runner/digitalocean/installation.md",
    ),
    Leftover(
        "agent.woodpecker", ("/etc/woodpecker/agent.conf",), "the id of a Woodpecker agent", _RUNNER,
        "remove it: the agent registers anew when it starts", LISTED, product="Woodpecker",
        source="woodpecker-ci/woodpecker: docs/docs/30-administration/10-configuration/30-agent.md",
    ),
    Leftover(
        "agent.forgejo", ("/var/lib/act_runner/.runner", "/etc/act_runner/.runner", "/data/.runner",
        "/var/lib/forgejo-runner/.runner", "/home/runner/.runner", "/var/lib/gitea-runner/*/.runner",
        "/etc/forgejo-runner/.runner", *in_home("act_runner/.runner")),
        "the registration of a Gitea or Forgejo runner", _RUNNER, "remove it, and register each clone", LISTED,
        product="act_runner, Forgejo Runner",
        source="https://forgejo.org/docs/latest/admin/actions/runner-installation/",
    ),
    Leftover(
        "agent.gocd", ("/var/lib/go-agent/config/guid.txt", "/var/lib/go-agent/config/token",
        "/var/lib/go-agent/config/agent.jks", "/var/lib/go-agent/config/*.pem"), "the id or the token of a GoCD agent",
        "the server takes all clones for one agent", "remove it: the agent registers anew when it starts",
        product="GoCD", source="gocd/docs.go.cd: content/configuration/clone_existing_agents.md",
    ),
    Leftover(
        "agent.gocd-key", ("/var/lib/go-agent/config/autoregister.properties",),
        "the key for registering GoCD agents", "whoever has a clone could take jobs",
        "give it to each clone at its first boot", LISTED, holds=rb"(?m)^agent\.auto\.register\.key[ \t]*=[ \t]*\S",
        warning=True, product="GoCD", source="gocd/docs.go.cd: content/advanced_usage/agent_auto_register.md",
    ),
    Leftover(
        "agent.concourse", ("/etc/concourse/*key", "/etc/concourse/*.pem", "/opt/concourse/*_key",
        "/etc/concourse/keys/*"), "a key of Concourse", "every clone would be that one worker",
        "concourse generate-key for each clone", LISTED, product="Concourse",
        source="concourse/docs: docs/docs/install/generating-keys.md",
    ),
    Leftover(
        "agent.circleci", ("/etc/opt/circleci/launch-agent-config.yaml",
        "/etc/circleci-runner/circleci-runner-config.yaml", "/opt/circleci/launch-agent-config.yaml"),
        "the token of a CircleCI runner", "whoever has a clone could take jobs",
        "give it to each clone at its first boot", LISTED,
        holds=rb"(?m)^\s*auth_token:[ \t]*['\"]?(?!AUTH_TOKEN|\$|<)\S", product="CircleCI runner",
        source="circleci/circleci-docs: archive/launch-agent/runner-installation-linux.adoc",
    ),
    Leftover(
        "agent.buildbot", ("/var/lib/buildbot/workers/*/buildbot.tac", "/var/lib/buildbot/worker/buildbot.tac",
        "/var/lib/buildbot/slaves/*/buildbot.tac", *in_home("*/buildbot.tac", "buildbot.tac")),
        "the password of a Buildbot worker", _RUNNER, "give it to each clone at its first boot", LISTED,
        holds=rb"(?m)^passwd\s*=\s*['\"]\S", product="Buildbot",
        source="buildbot/buildbot: worker/buildbot_worker/scripts/create_worker.py",
    ),
    Leftover(
        "agent.rundeck", ("/etc/rundeck/framework.properties",), "the id of a Rundeck server",
        "every clone would be that one server", "take out rundeck.server.uuid", LISTED,
        holds=rb"(?m)^rundeck\.server\.uuid[ \t]*=[ \t]*\S", product="Rundeck",
        source="rundeck/docs: docs/administration/configuration/config-file-reference.md",
    ),
)  # fmt: skip
