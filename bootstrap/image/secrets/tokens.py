"""Tokens and keys of clouds, forges and registries, each in the form that its issuer documents."""

from __future__ import annotations

import re

from bootstrap.image.secrets.pattern import Secret, always, token

# Samples in manuals are excluded by the word EXAMPLE, which AWS puts into its own.
CLOUD_TOKENS = (
    token(
        "AWS", "aws", "AKIA|ASIA|aws_secret_access_key|AWS_SECRET_ACCESS_KEY",
        rb"\b(?:AKIA|ASIA)(?![A-Z0-9]{0,16}EXAMPLE)[A-Z0-9]{16}\b"
        rb"|(?i:aws_secret_access_key)[\"']?\s{0,4}[=:]\s{0,4}[\"']?(?![A-Za-z0-9/+]{0,40}EXAMPLE)[A-Za-z0-9/+]{40}\b",
    ),
    Secret("token.google-service", (b"private_key_id",), re.compile(
        rb'"type"\s{0,9}:\s{0,9}"service_account"[^{}]{0,400}"private_key_id"\s{0,9}:\s{0,9}"[0-9a-f]{40}"'
        rb'|"private_key_id"\s{0,9}:\s{0,9}"[0-9a-f]{40}"[^{}]{0,6000}"type"\s{0,9}:\s{0,9}"service_account"'),
        "a key of a Google service account", back=500, far=True, is_real=always,
    ),
    token("Google", "google", "AIza", rb"\bAIza[A-Za-z0-9_-]{35}"),
    token("Google's OAuth", "google-oauth", "GOCSPX-|ya29.|1//0",
          rb"\bGOCSPX-[A-Za-z0-9_-]{28}|\bya29\.[A-Za-z0-9_-]{60}|\b1//0[A-Za-z0-9_-]{60}"),
    # A storage key or a bus's key has 64 or 32 bytes; a shared signature is a query with an end and a sig.
    token(
        "Azure", "azure", "AccountKey=|SharedAccessKey=|Q~|sig=",
        rb"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,90}={1,2}"
        rb"|(?<![A-Za-z0-9_.~-])[A-Za-z0-9_.~-]{3}\dQ~[A-Za-z0-9_.~-]{31,34}(?![A-Za-z0-9_.~-])"
        rb"|[?&]sig=[A-Za-z0-9%/+]{40,90}(?:%3D|=)", back=5, far=True,
    ),
    token("DigitalOcean", "digitalocean", "dop_v1_|doo_v1_|dor_v1_", rb"\bdo[opr]_v1_[0-9a-f]{64}"),
    token("Alibaba Cloud", "aliyun", "LTAI", rb"\bLTAI[A-Za-z0-9]{16,20}\b"),
    token("Cloudflare's origin CA", "cloudflare", "v1.0-", rb"\bv1\.0-[0-9a-f]{24}-[0-9a-f]{140}"),
    token("Heroku", "heroku", "HRKU-", rb"\bHRKU-[A-Za-z0-9_-]{36}"),
    token("Fly.io", "fly", "fo1_|fm1r_|fm1a_|fm2_", rb"\b(?:fo1|fm1[ar]|fm2)_[A-Za-z0-9+/=_-]{40}"),
    token("Netlify", "netlify", "nfp_", rb"\bnfp_[A-Za-z0-9_]{36}"),
    token("Databricks", "databricks", "dapi", rb"\bdapi[0-9a-f]{32}\b"),
    token("Scaleway or Supabase", "platform", "sbp_|SCW", rb"\bsbp_[0-9a-f]{40}|\bSCW[A-Z0-9]{17}\b"),
    Secret("token.openstack", (b"OS_PASSWORD=", b"OS_APPLICATION_CREDENTIAL_SECRET="), re.compile(
        rb"OS_(?:PASSWORD|APPLICATION_CREDENTIAL_SECRET)=[\"']?[^\s$\"'<]"), "a password of an OpenStack cloud",
        short=True, is_real=always,
    ),
)  # fmt: skip

FORGE_TOKENS = (
    token("GitHub", "github", "ghp_|gho_|ghu_|ghs_|ghr_|github_pat_",
          rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50})"),
    token(
        "GitLab", "gitlab",
        "glpat-|glrt-|glrtr-|gldt-|glcbt-|glptt-|glft-|glimt-|glagent-|gloas-|glsoat-|glffct-|GR1348941",
        rb"\bgl(?:pat|rtr?|dt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[A-Za-z0-9_.-]{20}|\bGR1348941[A-Za-z0-9_-]{20}",
    ),
    token("Atlassian", "atlassian", "ATATT3|ATCTT3|ATBB",
          rb"\bAT[AC]TT3[A-Za-z0-9_=-]{60}|\bATBB[A-Za-z0-9]{32}"),
    token("Docker Hub", "docker", "dckr_pat_|dckr_oat_", rb"\bdckr_[po]at_[A-Za-z0-9_-]{20}"),
    Secret("token.npm", (b":_authToken",), re.compile(rb":_authToken\s{0,9}=\s{0,9}[\"']?[^\s$\"'<{]{8}"),
           "a token of npm", short=True),
    token("npm", "npm", "npm_", rb"\bnpm_[A-Za-z0-9]{36}\b"),
    token("PyPI", "pypi", "pypi-", rb"\bpypi-[A-Za-z0-9_-]{50}"),
    token("RubyGems", "rubygems", "rubygems_", rb"\brubygems_[0-9a-f]{48}"),
    token("NuGet", "nuget", "oy2", rb"\boy2[a-z0-9]{43}\b"),
    token("crates.io", "crates", "cio", rb"\bcio[A-Za-z0-9]{32}\b"),
    token("Clojars", "clojars", "CLOJARS_", rb"\bCLOJARS_[0-9a-f]{60}"),
    token("JFrog Artifactory", "artifactory", "AKCp|cmVmdGtu", rb"\bAKCp[A-Za-z0-9]{60}|\bcmVmdGtu[A-Za-z0-9]{40}"),
    token("SonarQube", "sonar", "sqp_|squ_|sqa_", rb"\bsq[pua]_[0-9a-f]{40}\b"),
    token("Terraform Cloud", "terraform", ".atlasv1.", rb"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60}", back=14),
    token("Pulumi", "pulumi", "pul-", rb"\bpul-[0-9a-f]{40}\b"),
    token("Vault", "vault", "hvs.|hvb.|hvr.", rb"\bhv[sbr]\.[A-Za-z0-9_-]{24}"),
    token("Doppler", "doppler", "dp.pt.|dp.st.|dp.ct.|dp.sa.|dp.scim.|dp.audit.",
          rb"\bdp\.(?:pt|st|ct|sa|scim|audit)\.(?:[A-Za-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40}", far=True),
    token("1Password", "1password", "ops_eyJ", rb"\bops_eyJ[A-Za-z0-9+/_-]{80}"),
    token("Infisical or Buildkite", "build", "bkua_|CCIPAT_",
          rb"\bbkua_[0-9a-f]{40}|\bCCIPAT_[A-Za-z0-9]{20,24}_[0-9a-f]{40}"),
    token("OpenShift", "openshift", "sha256~", rb"\bsha256~[A-Za-z0-9_-]{43}"),
)  # fmt: skip
