#!/bin/bash
# Makes the pod's volume ready before its PostgreSQL starts, each time. Whatever is not certain waits for a person, and
# says what to type:
#
#   an empty volume                          a copy of the primary; if there is none, a new cluster, once it was ordered
#   a standby's                              goes on
#   a primary's, and no other is a primary   goes on
#   a primary's, and another is one now      waits: two primaries would be the end of both
set -euo pipefail

me=${POD_NAME:?}                        # pg-0
hosts=${PG_HOSTS:?}                     # all pods, with commas in between: pg-0.pg,pg-1.pg,pg-2.pg
data=${DATA:-/data}                     # the volume
run=${RUN:-/run/pod}                    # for this start alone; in memory
export SECRETS=${SECRETS:-/run/secrets/postgresql}
tls=${TLS:-/run/tls}
sql=${SQL:-/sql}
etc=${ETC:-/etc/postgresql}
port=${PGPORT:-5432}
unset PGPORT PGHOST PGDATA
export HOME=$run                        # nothing of a home folder is read
pgdata=$data/pgdata
slot=${me//-/_}

say() { printf '%s prepare: %s\n' "$(date -u +%FT%TZ)" "$*"; }

umask 077
mkdir -p "$run"
printf '*:*:*:replicator:%s\n' "$(cat "$SECRETS/replicator")" > "$run/pgpass"

# Whichever pod is the primary just now: a promote needs no change here. The order of the hosts means nothing.
conninfo="host=$hosts port=$port user=replicator passfile=$run/pgpass application_name=$me connect_timeout=3"
conninfo+=" target_session_attrs=primary load_balance_hosts=random sslmode=verify-full sslrootcert=$tls/ca.crt"
cat > "$run/pod.conf" <<CONF
cluster_name = '$me'
primary_conninfo = '$conninfo'
primary_slot_name = '$slot'
CONF

# Prints the timeline of a primary among the pods; fails if none answers. Before this pod's own server runs, it is another's.
other_primary() {
    psql -XAtq -F ' ' -d "$conninfo replication=true" -c IDENTIFY_SYSTEM 2> "$run/error" | cut -d ' ' -f 2
}

new_cluster() {
    say "a new cluster"
    rm -rf "$data/new"
    initdb -D "$data/new" -U postgres -A reject --data-checksums --no-instructions > /dev/null
    # A server without network, for these files alone.
    pg_ctl -D "$data/new" -s -w -l "$run/first-start.log" start -o "-c listen_addresses= -c unix_socket_directories=$run -c port=$port \
        -c ssl=off -c hba_file=$run/first-start.hba -c wal_level=replica" || { cat "$run/first-start.log"; exit 1; }
    local psql=(psql -X -q -h "$run" -p "$port" -U postgres)
    "${psql[@]}" -d postgres -f "$sql/observe.sql"
    "${psql[@]}" -d pgsidecar -f "$sql/install.sql"
    "${psql[@]}" -d postgres -v slots= -f "$sql/replication.sql" > /dev/null
    "${psql[@]}" -d postgres -f "$etc/first-start.sql"
    pg_ctl -D "$data/new" -s -w -m fast stop
    sync
    mv "$data/new" "$pgdata" # whole, or not at all
}

copy() {
    say "copying the primary"
    rm -rf "$data/copy"
    pg_receivewal -d "$conninfo" --slot="$slot" --create-slot --if-not-exists # so that nothing is missed meanwhile
    pg_basebackup -d "$conninfo" -D "$data/copy" --slot="$slot" --wal-method=stream --checkpoint=fast --no-password
    touch "$data/copy/standby.signal"
    sync
    mv "$data/copy" "$pgdata"
}

echo 'local all postgres trust' > "$run/first-start.hba" # in a folder that nobody else sees

if [ ! -e "$pgdata" ]; then
    until other_primary > /dev/null; do
        if [ -e "$data/new-cluster" ]; then
            new_cluster
            break
        fi
        say "this volume is empty, and there is no primary to copy ($(head -n 1 "$run/error")). I go on looking for one." \
            "If this is to be a NEW cluster: kubectl exec $me -c prepare -- touch $data/new-cluster"
        sleep "${PAUSE:-5}"
    done
    [ -e "$pgdata" ] || copy
fi
rm -f "$data/new-cluster" # said once, meant once

while [ ! -e "$pgdata/standby.signal" ] && timeline=$(other_primary) && [ -n "$timeline" ]; do
    say "this volume held a primary, and another pod is the primary now, on timeline $timeline: this one does not start." \
        "To make a standby of it, from a new copy: kubectl delete pvc data-$me --wait=false && kubectl delete pod $me." \
        "Only if it was stopped cleanly BEFORE the promote it can be one as it is: kubectl exec $me -c prepare --" \
        "touch $pgdata/standby.signal"
    sleep "${PAUSE:-5}"
done
if [ -e "$pgdata/standby.signal" ]; then
    pg_receivewal -d "$conninfo" --slot="$slot" --create-slot --if-not-exists 2> "$run/error" ||
        say "no primary answers now, so whether it has the slot $slot is not known: $(head -n 1 "$run/error")"
fi
chmod 700 "$pgdata" # fsGroup opens it to the group, with which the server would not start
say "ready: $([ -e "$pgdata/standby.signal" ] && echo a standby || echo a primary)"
