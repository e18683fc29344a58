# Systemd's units, for a host without cron or a spec that asks for them. A carrier leaves these comments out.
@CONDITION@ && (
umask 22
mkdir -p @FOLDERS@
@FILES@
systemctl daemon-reload
systemctl start initialrunner.timer
)
