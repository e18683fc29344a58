#!/bin/sh
# Brings the shop's database to the schema of this release; --check says whether it is there already.
set -eu

app=/srv/shop/app
wanted=$(cat "$app/schema/VERSION")
url="postgresql://shop:${TOKEN:?}@db.internal:5432/shop?sslmode=verify-full"

have() {
    psql --no-psqlrc --quiet --tuples-only --no-align --dbname "$url" \
        --command "select coalesce(max(version), 0) from schema_version"
}

if [ "${1:-}" = --check ]; then
    [ "$(have)" -ge "$wanted" ]
    exit
fi

# Another server of this roll-out may be at it: the lock makes them take turns.
for file in "$app"/schema/*.sql; do
    number=$(basename "$file" .sql)
    [ "$number" -gt "$(have)" ] || continue
    echo "migrating to $number"
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --single-transaction --dbname "$url" \
        --command "select pg_advisory_xact_lock(815)" --file "$file"
done
