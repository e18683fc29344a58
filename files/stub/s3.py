"""Fetches an object of S3 with the role of the instance: python3 -Ic THIS FILE, and the s3:// address on its input.

The address is s3://BUCKET/KEY, with ?region=NAME where the bucket is in another region than the instance, and with
&endpoint=URL where the service is not AWS. Every failure ends with one line on stderr. The credentials are only in the
memory of this process. In this text are neither backslashes nor single quotes, since it stands between those in a sh
script whose text dash's echo prints. Syntax and library of Python 3.6.
"""

import hashlib
import hmac
import json
import os
import re
import shutil
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

LINE = chr(10)


def end(text):
    """End with a line on stderr. What servers have sent must not move the cursor of a console."""
    sys.exit("".join(letter if letter.isprintable() else "?" for letter in text)[:1000])


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, for which the request would have to be signed anew."""

    def redirect_request(self, *_):
        return None


def ask(path, headers, method="GET"):
    """Ask the metadata service, which no proxy leads to, and return its answer as text."""
    base = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or "http://169.254.169.254"
    request = urllib.request.Request(base.rstrip("/") + "/latest/" + path, headers=headers, method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay).open(request, timeout=9) as answer:
        return answer.read(1 << 16).decode()


def instance(region):
    """Return the name of the role, its credentials, and the region: the given one, or that of the instance."""
    place = "meta-data/iam/security-credentials/"
    try:
        headers = {"X-aws-ec2-metadata-token": ask("api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}, "PUT")}
    except OSError as error:
        end("the metadata service gives no token (IMDSv2), so there is no role: %s" % error)
    try:
        role = ask(place, headers).strip().split(LINE)[0]
        keys = json.loads(ask(place + role, headers))
        region = region or ask("meta-data/placement/region", headers).strip()
        code = keys.get("Code", "Success")
    except Exception as error:
        if getattr(error, "code", 0) == 404:
            end("this instance has no role: attach an instance profile that may read the bucket")
        end("the metadata service gives no credentials: %s" % error)
    if code != "Success":
        end("the metadata service gives no credentials of role %s: %s" % (role, code))
    # Python would show a token that is no header.
    words = [keys.get(name) or "" for name in ("AccessKeyId", "SecretAccessKey", "Token")]
    if not all(isinstance(word, str) for word in words) or not re.fullmatch("[!-~]+ [!-~]+ [!-~]*", " ".join(words)):
        end("the metadata service gives no credentials of role %s: they have another form" % role)
    return role, keys, region


def signed(url, region, keys):
    """Return a request for a URL, signed by AWS Signature Version 4."""
    parts = urllib.parse.urlsplit(url)
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    nothing = hashlib.sha256(b"").hexdigest()
    headers = {"host": parts.netloc, "x-amz-content-sha256": nothing, "x-amz-date": moment}
    if keys.get("Token"):
        headers["x-amz-security-token"] = keys["Token"]
    names = ";".join(sorted(headers))
    lines = ["GET", parts.path, ""] + [name + ":" + headers[name] for name in sorted(headers)] + ["", names, nothing]
    scope = [moment[:8], region, "s3", "aws4_request"]
    digest = hashlib.sha256(LINE.join(lines).encode()).hexdigest()
    key = ("AWS4" + keys["SecretAccessKey"]).encode()
    for part in scope:
        key = hmac.new(key, part.encode(), "sha256").digest()
    text = LINE.join(["AWS4-HMAC-SHA256", moment, "/".join(scope), digest])
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (
        keys["AccessKeyId"], "/".join(scope), names, signature
    )  # fmt: skip
    return urllib.request.Request(url, headers=headers)


def host_of(bucket, region):
    """Return the URL of a bucket of AWS. A name with a dot is no name for a certificate, and goes into the path."""
    # The name of a region comes from servers, too, and must not lead the credentials elsewhere.
    if not re.fullmatch("[a-z0-9-]+", region):
        end("%s is not the name of a region" % region)
    domain = "s3.%s.amazonaws.com%s" % (region, ".cn" if region.startswith("cn-") else "")
    return "https://%s/%s" % (domain, bucket) if "." in bucket else "https://%s.%s" % (bucket, domain)


def refused(error, address, role, region):
    """End with the reason of a refusal, or return the region of the bucket when it is another."""
    text = error.read(1 << 16).decode("utf-8", "replace")
    fields = dict(re.findall("<(Code|Message|Region)>([^<]*)<", text))
    home = error.headers.get("x-amz-bucket-region") or fields.get("Region")
    if home and home != region:
        return home
    hints = {
        403: "role %s needs s3:GetObject for it, and the key of its encryption" % role,
        404: "there is no such object, or no such bucket",
    }
    answer = "answer %d %s in region %s" % (error.code, fields.get("Code", error.reason), region)
    return end("%s: %s: %s" % (address, answer, hints.get(error.code, fields.get("Message", ""))))


def main(target):
    address, _, query = sys.stdin.readline().strip().partition("?")
    options = dict(urllib.parse.parse_qsl(query))
    bucket, _, name = address[5:].partition("/")
    role, keys, region = instance(options.get("region"))
    opener = urllib.request.build_opener(Stay)
    # Once more with the region that the first answer has named.
    for _ in range(2):
        base = options["endpoint"].rstrip("/") + "/" + bucket if "endpoint" in options else host_of(bucket, region)
        request = signed(base + "/" + urllib.parse.quote(name, safe="/~"), region, keys)
        try:
            with opener.open(request, timeout=60) as answer, open(target, "wb") as file:
                shutil.copyfileobj(answer, file)
            return
        except urllib.error.HTTPError as error:
            region = refused(error, address, role, region)
        except Exception as error:
            end("%s: no answer of %s: %r" % (address, base, error))
    end("%s: the service names one region after the other, at last %s" % (address, region))


main(sys.argv[1])
