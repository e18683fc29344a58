# The collector's own authority, beside those of the host. A carrier leaves these comments out.
export SSL_CERT_FILE=$f.ca
{ cat /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem 2>/dev/null; cat <<"E"
@CA@
E
} >$SSL_CERT_FILE
