#!/bin/sh
# before_swap of the database tier. The deployer runs it here, when the new database is healthy and before anything
# uses it: it lets the first database pass, and later ones only with all rows of the one that they replace.
set -eu

old=${INITIALRUNNER_OLD_ADDRESSES:-}
new=$INITIALRUNNER_ADDRESSES
export PGPASSWORD="$DB_PASSWORD" PGCONNECT_TIMEOUT=5

ask() {
  psql --no-psqlrc --tuples-only --no-align --set ON_ERROR_STOP=1 --host "$1" --username shop --dbname shop --command "$2"
}

refuse() {
  echo "refused: $*" >&2
  exit 1
}

# The tables of the shop, each with its number of rows.
tables="select table_name, (xpath('/row/count/text()', query_to_xml(format('select count(*) from %I', table_name),
  false, true, '')))[1] from information_schema.tables where table_schema = 'public' order by table_name"

case $old in
  '') echo "there is no earlier database: this one begins without rows"; exit 0 ;;
  *' '*) refuse "there are several earlier databases ($old). Remove those that nobody uses: bootstrap reap" ;;
esac

# While it takes writes, a copy of it is old the moment it is made.
if [ "$(ask "$old" 'show default_transaction_read_only')" != on ]; then
  refuse "the database on $old takes writes. README.md says how to move it, and release.yaml leaves it alone"
fi
if [ "$(ask "$old" "$tables")" != "$(ask "$new" "$tables")" ]; then
  refuse "the database on $new does not hold the rows of $old: deploy with --set copy_from=$old"
fi
echo "the database on $new holds all rows of $old"
