"""Tokens and keys of messengers, payment, mail, monitoring and models, each in the form that its issuer documents."""

from __future__ import annotations

from bootstrap.image.secrets.jwt import JWT
from bootstrap.image.secrets.pattern import token

API_TOKENS = (
    token("Slack", "slack", "xoxb-|xoxa-|xoxe-|xoxp-|xoxr-|xoxs-|xoxe.|xapp-",
          rb"\b(?:xox[abeprs]-|xoxe\.xox[bp]-\d-|xapp-\d-)[A-Za-z0-9-]{20}"),
    token(
        "Slack's, Discord's or Teams' webhooks", "webhook", "hooks.slack.com|/api/webhooks/|/webhookb2/",
        rb"hooks\.slack\.com/(?:services|workflows|triggers)(?:/[A-Za-z0-9]{8,14}){2}/[A-Za-z0-9/]{16,90}"
        rb"|discord(?:app)?\.com/api/webhooks/\d{16,20}/[A-Za-z0-9_-]{60}"
        rb"|\.webhook\.office\.com/webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}/[A-Za-z]{1,20}/[0-9a-f]{32}",
        back=30, far=True,
    ),
    token("Telegram", "telegram", ":AA", rb"(?<![\w:/.-])\d{8,10}:AA[A-Za-z0-9_-]{33}(?![\w-])", back=10),
    token("Twilio", "twilio", "SK", rb"\bSK[0-9a-f]{32}\b"),
    token("SendGrid", "sendgrid", "SG.", rb"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    token("Mailgun, Mailchimp or Brevo", "mail", "key-|-us|xkeysib-",
          rb"\bkey-[0-9a-f]{32}\b|\b[0-9a-f]{32}-us\d{1,2}\b|\bxkeysib-[0-9a-f]{64}", back=32),
    token("Stripe", "stripe", "sk_live_|rk_live_|whsec_", rb"\b[sr]k_live_[A-Za-z0-9]{20}|\bwhsec_[A-Za-z0-9+/]{32}"),
    token("Square", "square", "sq0atp-|sq0csp-|EAAA",
          rb"\bsq0(?:atp-[A-Za-z0-9_-]{22}|csp-[A-Za-z0-9_-]{43})|\bEAAA[lEj][A-Za-z0-9_-]{59}(?![A-Za-z0-9_-])"),
    token("PayPal's Braintree", "paypal", "$production$",
          rb"\baccess_token\$production\$[0-9a-z]{16}\$[0-9a-f]{32}", back=12, far=True),
    token("Shopify", "shopify", "shpat_|shpca_|shppa_|shpss_", rb"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    token("Grafana", "grafana", "glsa_|glc_eyJ|eyJrIjoi",
          rb"\bglsa_[A-Za-z0-9]{32}_[0-9a-f]{8}\b|\bglc_eyJ[A-Za-z0-9+/=]{40}|\beyJrIjoi[A-Za-z0-9]{60}"),
    token("New Relic", "newrelic", "NRAK-|NRII-", rb"\bNRAK-[A-Z0-9]{27}\b|\bNRII-[A-Za-z0-9-]{32}"),
    token("Sentry", "sentry", "sntrys_|sntryu_", rb"\bsntrys_eyJ[A-Za-z0-9+/=_-]{40}|\bsntryu_[0-9a-f]{64}"),
    token("Dynatrace", "dynatrace", "dt0c01.|dt0s01.|dt0s16.", rb"\bdt0[cs]\d\d\.[A-Z0-9]{8,24}\.[A-Z0-9]{64}"),
    token("Tailscale", "tailscale", "tskey-", rb"\btskey-(?:[a-z]{2,10}-)?[A-Za-z0-9]{6,30}-[A-Za-z0-9]{16}"),
    token("OpenAI", "openai", "sk-proj-|sk-svcacct-|sk-admin-|sk-",
          rb"\bsk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{32}|\bsk-[A-Za-z0-9]{48}\b"),
    token("Anthropic", "anthropic", "sk-ant-", rb"\bsk-ant-[a-z]{2,6}\d\d-[A-Za-z0-9_-]{32}"),
    token("Hugging Face", "huggingface", "hf_|api_org_", rb"\b(?:hf_|api_org_)[A-Za-z0-9]{34}\b"),
    token("a host of language models", "model", "gsk_|r8_|xai-|pplx-|pcsk_|lsv2_",
          rb"\bgsk_[A-Za-z0-9]{52}\b|\br8_[A-Za-z0-9]{37}\b|\bxai-[A-Za-z0-9]{80}|\bpplx-[A-Za-z0-9]{48}"
          rb"|\bpcsk_[A-Za-z0-9_]{50}|\blsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    token("PlanetScale", "planetscale", "pscale_", rb"\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32}"),
    token("Postman", "postman", "PMAK-", rb"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    token("Linear, Notion, Figma or Airtable", "office", "lin_api_|ntn_|figd_|pat",
          rb"\blin_api_[A-Za-z0-9]{40}|\bntn_[A-Za-z0-9]{43,46}\b|\bfigd_[A-Za-z0-9_-]{40}"
          rb"|\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}\b"),
    JWT,
)  # fmt: skip
