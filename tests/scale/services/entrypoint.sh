#!/bin/sh
# Of the official images' interface, what compose.yaml uses. Like theirs, PostgreSQL's first start makes its users and databases on a
# server that listens on a socket alone, and ends it.
set -eu
data=/var/lib/postgresql/data

as() { user=$1; shift; setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups "$@"; }

first_start() {
    echo "$POSTGRES_PASSWORD" >/run/password
    chown postgres: /run/password
    as postgres initdb -D "$data" --username "$POSTGRES_USER" --pwfile /run/password --auth-local trust --auth-host scram-sha-256 --encoding UTF8
    rm /run/password
    echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$data/postgresql.conf"
    as postgres pg_ctl -D "$data" -w -t 600 -o "-c listen_addresses= -p ${PGPORT:-5432}" start
    psql -v ON_ERROR_STOP=1 -d postgres -c "CREATE DATABASE \"$POSTGRES_DB\""
    for script in /docker-entrypoint-initdb.d/*.sh; do . "$script"; done
    as postgres pg_ctl -D "$data" -w -t 600 -m fast stop
}

case $1 in
    postgres)
        mkdir -p /run/postgresql
        chown postgres: "$data" /run/postgresql
        chmod 700 "$data"
        [ -s "$data/PG_VERSION" ] || first_start
        exec setpriv --reuid postgres --regid postgres --init-groups "$@" -D "$data" ;;
    --config.file=*)  # Prometheus; Debian's is older than 3, where the receiver was a feature
        for word; do
            shift
            [ "$word" != --web.enable-otlp-receiver ] || word=--enable-feature=otlp-write-receiver
            set -- "$@" "$word"
        done
        exec setpriv --reuid nobody --regid nogroup --clear-groups prometheus "$@" ;;
    *) exec "$@" ;;
esac
