#!/bin/sh
# initialrunner: makes the ssh host keys that this host lacks. Made by `bootstrap bake --host-keys`.
# With `late` sshd may have failed to start already, so it is started again once there are keys.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
made=""
if command -v ssh-keygen >/dev/null && [ -d /etc/ssh ]; then
  # It prints the kinds that it makes, and takes an empty file, as a power cut leaves it, for a missing one.
  made=$(ssh-keygen -A) || failed=1
fi
if command -v dropbearkey >/dev/null && [ -d /etc/dropbear ]; then
  for kind in rsa ecdsa ed25519; do
    key=/etc/dropbear/dropbear_${kind}_host_key
    [ -s "$key" ] && continue
    rm -f "$key"
    dropbearkey -t "$kind" -f "$key" >/dev/null 2>&1 && made="$made $key"
  done
fi
if [ -n "$made" ]; then
  echo "$made"
  command -v restorecon >/dev/null && restorecon -R /etc/ssh /etc/dropbear 2>/dev/null
  # A key that a client has seen must be there after a power cut.
  sync
  if [ "$1" = late ]; then
    for server in ssh sshd dropbear; do
      [ -x "/etc/init.d/$server" ] && "/etc/init.d/$server" restart
    done
  fi
fi
exit "${failed:-0}"
