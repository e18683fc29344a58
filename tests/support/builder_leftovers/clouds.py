"""Credentials for clouds, and for the programs that build in them."""

from __future__ import annotations

import json

from builder_leftovers.forms import alnum, b64, b64url, crypted, digits, hexes, jwt, password, pem, sqlite, upper, uuid
from builder_leftovers.item import Item

AWS = "https://docs.aws.amazon.com/cli/latest/userguide"
GCLOUD = "https://cloud.google.com/docs/authentication/application-default-credentials"
AZURE = "https://learn.microsoft.com/en-us/cli/azure/msal-based-azure-cli"
OPENSTACK = "https://docs.openstack.org/python-openstackclient/latest/configuration/index.html"
ADC = json.dumps({
    "client_id": f"{digits(12)}-{alnum(32).lower()}.apps.googleusercontent.com", "client_secret": f"d-{b64url(16)}",
    "refresh_token": f"1//03{b64url(74)}", "type": "authorized_user",
}, indent=2)  # fmt: skip
SERVICE_ACCOUNT = json.dumps({
    "type": "service_account", "project_id": "build-4711", "private_key_id": hexes(40), "private_key": pem(),
    "client_email": "packer@build-4711.iam.gserviceaccount.com", "client_id": digits(21),
}, indent=2)  # fmt: skip
CLOUDS_YAML = f"""\
clouds:
  build:
    auth:
      auth_url: https://keystone.example.net:5000/v3
      username: builder
      password: {password()}
      project_name: images
    region_name: RegionOne
"""
STATE = json.dumps({
    "version": 4, "terraform_version": "1.9.8", "serial": 12, "lineage": uuid(), "outputs": {}, "resources": [
        {"mode": "managed", "type": "random_password", "name": "db", "instances": [
            {"attributes": {"result": password(), "length": 16}}]},
        {"mode": "managed", "type": "aws_db_instance", "name": "db", "instances": [
            {"attributes": {"password": password(), "username": "admin"}}]},
    ],
}, indent=2)  # fmt: skip

CLOUDS = (
    Item("aws-cli", "/root/.aws/credentials",
         f"[default]\naws_access_key_id = AKIA{upper(16)}\naws_secret_access_key = {b64(30)}\n",
         f"{AWS}/cli-configure-files.html", 0o600),
    Item("aws-cli", f"/root/.aws/sso/cache/{hexes(40)}.json",
         json.dumps({"startUrl": "https://x.awsapps.com/start", "accessToken": b64url(200), "region": "eu-west-1"}),
         f"{AWS}/cli-configure-sso.html", 0o600),
    Item("aws-cli", f"/home/alice/.aws/cli/cache/{hexes(40)}.json",
         json.dumps({"Credentials": {"AccessKeyId": f"ASIA{upper(16)}", "SecretAccessKey": b64(30)}}),
         f"{AWS}/cli-configure-role.html", 0o600),
    Item("gcloud", "/root/.config/gcloud/application_default_credentials.json", ADC, GCLOUD, 0o600),
    Item("gcloud", "/root/.config/gcloud/credentials.db", sqlite("credentials"), GCLOUD, 0o600),
    Item("gcloud", "/root/.config/gcloud/access_tokens.db", sqlite("access_tokens"), GCLOUD, 0o600),
    Item("gcloud", "/home/alice/.config/gcloud/legacy_credentials/alice@example.net/adc.json", ADC, GCLOUD, 0o600),
    Item("gsutil", "/root/.boto", f"[Credentials]\ngs_oauth2_refresh_token = 1//03{b64url(74)}\n",
         "https://cloud.google.com/storage/docs/boto-gsutil", 0o600),
    Item("Google Cloud", "/opt/app/service-account.json", SERVICE_ACCOUNT,
         "https://cloud.google.com/iam/docs/keys-create-delete", 0o600),
    Item("az", "/root/.azure/msal_token_cache.json",
         json.dumps({"RefreshToken": {"x": {"secret": f"0.A{b64url(400)}", "credential_type": "RefreshToken"}}}),
         AZURE, 0o600),
    Item("az", "/root/.azure/service_principal_entries.json",
         json.dumps([{"client_id": uuid(), "tenant": uuid(), "client_secret": f"{alnum(3)}8Q~{alnum(34)}"}]), AZURE,
         0o600),
    Item("az", "/home/alice/.azure/accessTokens.json", json.dumps([{"tokenType": "Bearer", "accessToken": jwt()}]),
         AZURE, 0o600),
    Item("OpenStack SDK", "/root/.config/openstack/clouds.yaml", CLOUDS_YAML, OPENSTACK, 0o600),
    Item("OpenStack SDK", "/etc/openstack/clouds.yaml", CLOUDS_YAML, OPENSTACK),
    Item("OpenStack", "/root/admin-openrc.sh",
         f"export OS_USERNAME=admin\nexport OS_PASSWORD={password()}\n"
         "export OS_AUTH_URL=https://keystone.example.net:5000/v3\n",
         "https://docs.openstack.org/keystone/latest/install/keystone-openrc-ubuntu.html"),
    Item("oci", "/root/.oci/config",
         f"[DEFAULT]\nuser=ocid1.user.oc1..{alnum(60).lower()}\nfingerprint={':'.join(hexes(2) for _ in range(16))}\n"
         f"key_file=~/.oci/oci_api_key.pem\npass_phrase={password()}\n",
         "https://docs.oracle.com/en-us/iaas/Content/API/Concepts/sdkconfig.htm", 0o600),
    Item("oci", "/root/.oci/oci_api_key.pem", pem("RSA PRIVATE KEY"),
         "https://docs.oracle.com/en-us/iaas/Content/API/Concepts/apisigningkey.htm", 0o600),
    Item("aliyun", "/root/.aliyun/config.json", json.dumps({"current": "default", "profiles": [
        {"name": "default", "mode": "AK", "access_key_id": f"LTAI{alnum(20)}", "access_key_secret": alnum(30)}]}),
         "aliyun/aliyun-cli: README.md", 0o600),
    Item("doctl", "/root/.config/doctl/config.yaml", f"access-token: dop_v1_{hexes(64)}\ncontext: default\n",
         "https://docs.digitalocean.com/reference/doctl/how-to/install/", 0o600),
    Item("hcloud", "/root/.config/hcloud/cli.toml",
         f'active_context = "build"\n\n[[contexts]]\nname = "build"\ntoken = "{alnum(64)}"\n',
         "hetznercloud/cli: README.md", 0o600),
    Item("linode-cli", "/root/.config/linode-cli",
         f"[DEFAULT]\ndefault-user = builder\n\n[builder]\ntoken = {hexes(64)}\nregion = eu-central\n",
         "https://techdocs.akamai.com/cloud-computing/docs/install-and-configure-the-cli", 0o600),
    Item("scw", "/root/.config/scw/config.yaml",
         f"access_key: SCW{upper(17)}\nsecret_key: {uuid()}\ndefault_region: fr-par\n",
         "https://www.scaleway.com/en/docs/scaleway-cli/reference-content/scaleway-configuration-file/", 0o600),
    Item("vultr-cli", "/root/.vultr-cli.yaml", f"api-key: {upper(36)}\n", "vultr/vultr-cli: README.md", 0o600),
    Item("exoscale", "/root/.config/exoscale/exoscale.toml",
         f'defaultaccount = "build"\n\n[[accounts]]\n  key = "EXO{hexes(24)}"\n  name = "build"\n'
         f'  secret = "{alnum(43)}"\n',
         "https://community.exoscale.com/documentation/tools/exoscale-command-line-interface/", 0o600),
    Item("ibmcloud", "/root/.bluemix/config.json",
         json.dumps({"APIEndpoint": "https://cloud.ibm.com", "IAMToken": f"Bearer {jwt()}",
                     "IAMRefreshToken": b64url(300)}),
         "https://cloud.ibm.com/docs/cli?topic=cli-ibmcloud_cli", 0o600),
    Item("ovh", "/root/.ovh.conf",
         f"[default]\nendpoint=ovh-eu\n\n[ovh-eu]\napplication_key={hexes(16)}\napplication_secret={hexes(32)}\n"
         f"consumer_key={hexes(32)}\n", "ovh/python-ovh: README.rst", 0o600),
    Item("flyctl", "/root/.fly/config.yml", f"access_token: fm2_{b64(120)}\n",
         "https://fly.io/docs/flyctl/", 0o600),
    Item("heroku", "/root/.netrc", f"machine api.heroku.com\n  login builder@example.net\n  password HRKU-{uuid()}\n",
         "https://devcenter.heroku.com/articles/authentication", 0o600),
    Item("vercel", "/root/.local/share/com.vercel.cli/auth.json", json.dumps({"token": alnum(24)}),
         "https://vercel.com/docs/project-configuration/global-configuration", 0o600),
    Item("netlify", "/root/.config/netlify/config.json",
         json.dumps({"users": {hexes(24): {"auth": {"token": f"nfc_{alnum(40)}"}}}}),
         "https://docs.netlify.com/api-and-cli-guides/cli-guides/get-started-with-cli/", 0o600),
    Item("wrangler", "/root/.config/.wrangler/config/default.toml",
         f'oauth_token = "{b64url(32)}.{b64url(32)}"\nrefresh_token = "{b64url(64)}"\n'
         'expiration_time = "2026-11-30T13:00:00Z"\n', "https://developers.cloudflare.com/workers/wrangler/commands/",
         0o600),
    Item("railway", "/root/.railway/config.json", json.dumps({"projects": {}, "user": {"token": b64url(48)}}),
         "railwayapp/cli: src/config.rs", 0o600),
    Item("supabase", "/root/.supabase/access-token", f"sbp_{hexes(40)}",
         "https://supabase.com/docs/reference/cli/supabase-login", 0o600),
    Item("firebase", "/root/.config/configstore/firebase-tools.json",
         json.dumps({"tokens": {"refresh_token": f"1//03{b64url(74)}", "token_type": "Bearer"}}),
         "firebase/firebase-tools: src/configstore.ts", 0o600),
    Item("stripe", "/root/.config/stripe/config.toml",
         f"[default]\ndevice_name = 'build'\nlive_mode_api_key = 'rk_live_{alnum(99)}'\n",
         "https://docs.stripe.com/cli/login", 0o600),
    Item("Terraform", "/root/.terraform.d/credentials.tfrc.json",
         json.dumps({"credentials": {"app.terraform.io": {"token": f"{alnum(14)}.atlasv1.{alnum(67)}"}}}, indent=2),
         "https://developer.hashicorp.com/terraform/cli/config/config-file", 0o600),
    Item("Terraform", "/home/alice/.terraformrc",
         f'credentials "app.terraform.io" {{\n  token = "{alnum(14)}.atlasv1.{alnum(67)}"\n}}\n',
         "https://developer.hashicorp.com/terraform/cli/config/config-file", 0o600),
    Item("Terraform", "/root/infra/terraform.tfstate", STATE,
         "https://developer.hashicorp.com/terraform/language/state/sensitive-data"),
    Item("Terraform", "/root/infra/terraform.tfvars", f'region = "eu-west-1"\ndb_password = "{password()}"\n',
         "https://developer.hashicorp.com/terraform/language/values/variables"),
    Item("Packer", "/root/build/secrets.auto.pkrvars.hcl", f'ssh_password = "{password()}"\n',
         "https://developer.hashicorp.com/packer/docs/templates/hcl_templates/variables"),
    Item("Pulumi", "/root/.pulumi/credentials.json",
         json.dumps({"current": "https://api.pulumi.com",
                     "accessTokens": {"https://api.pulumi.com": f"pul-{hexes(40)}"}}),
         "https://www.pulumi.com/docs/iac/cli/commands/pulumi_login/", 0o600),
    Item("Vault", "/root/.vault-token", f"hvs.{b64url(69)}",
         "https://developer.hashicorp.com/vault/docs/commands/token-helper", 0o600),
    Item("Ansible", "/root/.vault_pass.txt", password() + "\n",
         "https://docs.ansible.com/ansible/latest/vault_guide/vault_managing_passwords.html", 0o600),
    Item("knife", "/root/.chef/builder.pem", pem("RSA PRIVATE KEY"), "https://docs.chef.io/workstation/knife_setup/",
         0o600),
    Item("Serverless", "/root/.serverlessrc",
         json.dumps({"userId": uuid(), "users": {"builder": {"dashboard": {"refreshToken": alnum(43)}}}}),
         "serverless/serverless: lib/utils", 0o600),
    Item("Infracost", "/root/.config/infracost/credentials.yml",
         f'version: "0.1"\napi_key: ico-{alnum(32)}\n', "https://www.infracost.io/docs/", 0o600),
    Item("SOPS", "/root/.config/sops/age/keys.txt",
         f"# created: 2026-11-30T12:00:00Z\n# public key: age1{alnum(58).lower()}\nAGE-SECRET-KEY-1{upper(58)}\n",
         "getsops/sops: README.rst", 0o600),
    Item("Kickstart", "/root/build/ks.cfg",
         f"lang en_US\nrootpw --iscrypted {crypted()}\nuser --name=packer --password={password()} --plaintext\n",
         "https://pykickstart.readthedocs.io/en/latest/kickstart-docs.html"),
)  # fmt: skip
