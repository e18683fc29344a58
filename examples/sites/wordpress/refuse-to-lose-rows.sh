#!/bin/sh
# before_swap of the database tier. The deployer runs it here, when the new database is healthy and before anything
# uses it: it lets the first database pass, and later ones only with all rows of the one that they replace.
set -eu

old=${INITIALRUNNER_OLD_ADDRESSES:-}
new=$INITIALRUNNER_ADDRESSES
# The client reads the password from its environment, which only its own user can see.
export MYSQL_PWD="$DB_PASSWORD"

ask() {
  mariadb --no-defaults --batch --skip-column-names --connect-timeout 5 --host "$1" --user blog --execute "$2" blog
}

refuse() {
  echo "refused: $*" >&2
  exit 1
}

# A sum of the rows of each table.
sums() {
  tables=$(ask "$1" "select group_concat('\`', table_name, '\`' order by table_name) from information_schema.tables
    where table_schema = 'blog'")
  [ "$tables" = NULL ] || ask "$1" "checksum table $tables"
}

case $old in
  '') echo "there is no earlier database: this one begins without rows"; exit 0 ;;
  *' '*) refuse "there are several earlier databases ($old). Remove those that nobody uses: bootstrap reap" ;;
esac

# While it takes writes, a copy of it is old the moment it is made.
if [ "$(ask "$old" 'select @@global.read_only')" != 1 ]; then
  refuse "the database on $old takes writes. README.md says how to move it, and release.yaml leaves it alone"
fi
if [ "$(sums "$old")" != "$(sums "$new")" ]; then
  refuse "the database on $new does not hold the rows of $old: deploy with --set copy_from=$old"
fi
echo "the database on $new holds all rows of $old"
