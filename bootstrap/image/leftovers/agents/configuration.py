"""Identities of the agents of configuration management."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILLED, LISTED, Leftover, in_home

_MEMBER = "every clone would be that one host"

CONFIGURATION = (
    Leftover(
        "agent.salt-id", ("/etc/salt/minion_id", "/etc/venv-salt-minion/minion_id", "/etc/opt/salt/minion_id"),
        "the id of a Salt minion", "the master takes all clones for one minion",
        "remove it: the minion makes a new one from its host name", product="Salt",
        source="https://docs.saltproject.io/en/latest/ref/configuration/minion.html#minion-id-caching",
    ),
    Leftover(
        "agent.salt-key", ("/etc/salt/pki/minion/minion.p*", "/etc/salt/pki/minion/minion_master.pub",
        "/etc/salt/minion.pem", "/etc/venv-salt-minion/pki/minion/*.p*", "/etc/salt/pki/proxy/*/*.pem",),
        "the key of a Salt minion", "the master takes all clones for one minion",
        "remove it: the minion makes a new one when it starts", product="Salt",
        source="https://docs.saltproject.io/en/latest/ref/configuration/minion.html#pki-dir",
    ),
    Leftover(
        "agent.salt-master", ("/etc/salt/pki/master/*.pem", "/etc/salt/pki/master/*/*"),
        "the key of a Salt master, or its minions", "every clone would be that one master", "remove it", LISTED,
        product="Salt", source="https://docs.saltproject.io/en/latest/ref/configuration/master.html#pki-dir",
    ),
    Leftover(
        "agent.puppet", tuple(f"{top}/{name}" for top in ("/etc/puppetlabs/puppet/ssl", "/var/lib/puppet/ssl",
        "/etc/puppet/ssl", "/var/puppet/ssl") for name in ("private_keys/*", "certs/*", "certificate_requests/*",
        "public_keys/*", "ca/ca_key.pem", "*.pem")), "a certificate or key of a Puppet agent", _MEMBER,
        "puppet ssl clean, or remove the folder ssl", LISTED, product="Puppet",
        source="puppetlabs/puppet: docs/settings.md, lib/puppet/util/run_mode.rb",
    ),
    Leftover(
        "agent.puppet-state", ("/opt/puppetlabs/puppet/cache/state", "/opt/puppetlabs/puppet/cache/client_data",
        "/opt/puppetlabs/puppet/cache/client_yaml", "/opt/puppetlabs/puppet/cache/clientbucket",
        "/var/lib/puppet/state", "/var/lib/puppet/client_data", "/var/lib/puppet/client_yaml",
        "/var/lib/puppet/clientbucket", "/var/lib/puppet/reports",), "a Puppet agent's state",
        "it holds the builder's catalog, with its secrets", "remove it", LISTED, FILLED, product="Puppet",
        source="puppetlabs/puppet: lib/puppet/defaults.rb",
    ),
    # Its own name for itself stands in the settings.
    Leftover(
        "agent.puppet-certname", ("/etc/puppetlabs/puppet/puppet.conf", "/etc/puppet/puppet.conf"),
        "the name of a Puppet agent", _MEMBER, "take out the line certname", LISTED,
        holds=rb"(?m)^[ \t]*certname[ \t]*=[ \t]*\S", product="Puppet",
        source="puppetlabs/puppet: lib/puppet/defaults.rb",
    ),
    Leftover(
        "agent.choria", ("/etc/choria/server.seed", "/etc/choria/server.jwt", "/etc/choria/choria.seed"),
        "the key of a Choria server", _MEMBER, "remove it, and provision each clone", LISTED, product="Choria",
        source="choria-io/go-choria: config/choria.go",
    ),
    Leftover(
        "agent.chef", ("/etc/chef/client.pem", "/etc/cinc/client.pem", "/etc/chef/validation.pem",
        "/etc/chef/*-validator.pem", "/etc/chef/encrypted_data_bag_secret"), "the key of a Chef client",
        "every clone would be that one node", "remove it, and bootstrap each clone", LISTED,
        product="Chef Infra Client", source="chef/chef-web-docs: content/client/18/install/config_rb_client.md",
    ),
    Leftover(
        "agent.chef-id", ("/etc/chef/chef_guid", "/var/chef/chef_guid", "/var/chef/cache/data_collector_metadata.json",
        "/var/chef/cache/chef_guid", "/etc/chef/ohai_data.json"), "the id of a Chef node",
        "the server takes all clones for one node", "remove it", LISTED, product="Chef Infra Client",
        source="chef/chef-web-docs: content/automate/client_runs.md",
    ),
    Leftover(
        "agent.chef-name", ("/etc/chef/client.rb", "/etc/cinc/client.rb"), "the name of a Chef node",
        "every clone would be that one node", "take out the line node_name", LISTED,
        holds=rb"(?m)^[ \t]*node_name[ \t]+\S", product="Chef Infra Client",
        source="chef/chef-web-docs: content/client/18/install/config_rb_client.md",
    ),
    Leftover(
        "agent.chef-cache", ("/var/chef/cache", "/var/chef/backup", "/var/chef/nodes", "/var/cinc/cache"),
        "what a Chef client fetched", "it may hold secrets of the builder's node", "remove it", LISTED, FILLED,
        product="Chef Infra Client", source="chef/chef-web-docs: content/client/18/install/config_rb_client.md",
    ),
    Leftover(
        "agent.cfengine", ("/var/cfengine/ppkeys/*", "/var/lib/cfengine3/ppkeys/*", "/var/lib/cfengine2/ppkeys/*",),
        "the key of a CFEngine host", "the hub takes all clones for one host",
        "remove it, and run cf-key at each clone's first boot", LISTED, product="CFEngine",
        source="cfengine/documentation: content/getting-started/01-installing-cfengine/secure-bootstrap.markdown",
    ),
    Leftover(
        "agent.cfengine-hub", ("/var/cfengine/policy_server.dat", "/var/lib/cfengine3/policy_server.dat"),
        "the hub that a CFEngine host belongs to", "clones would ask the builder's hub", "remove it, and bootstrap",
        LISTED, warning=True, product="CFEngine",
        source="cfengine/documentation: content/getting-started/01-installing-cfengine/secure-bootstrap.markdown",
    ),
    Leftover(
        "agent.rudder", ("/opt/rudder/etc/uuid.hive",), "the id of a Rudder node",
        "the server takes all clones for one node", "rudder agent reinit", LISTED, product="Rudder",
        source="Normation/rudder: docker/rudder-agent/cf-execd.sh",
    ),
    Leftover(
        "agent.juju", ("/var/lib/juju/agents/*/agent.conf", "/var/lib/juju/system-identity",
        "/var/lib/juju/nonce.txt"), "the registration of a Juju machine", _MEMBER,
        "remove it, and add each clone to its model", LISTED, product="Juju",
        source="sosreport/sos: sos/report/plugins/juju.py",
    ),
    Leftover(
        "agent.step", (*in_home(".step/secrets/*", ".step/certs/*.key", ".step/identity/*"), "/etc/step/identity/*",
        "/etc/step-ca/secrets/*"), "the identity of a smallstep client, or its authority's keys", _MEMBER, "remove it",
        LISTED, product="step", source="smallstep/certificates: ca/identity/client.go",
    ),
)  # fmt: skip
