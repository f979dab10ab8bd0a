#!/bin/sh
# Runs a command with a Docker engine that answers, and the image that the tests of containers start from.
#   sh local/docker.sh make test
# Where no engine answers, one is started (as root) for the command, and stopped after it. The image is a small Debian with
# Python, made by debootstrap once: no registry is asked. CLOSED_LOOP_TEST_IMAGE names another one.
set -eu
image=${CLOSED_LOOP_TEST_IMAGE:-closed-loop-test-base}
folder=${CLOSED_LOOP_DOCKER:-/var/tmp/closed-loop-docker}

answers() { docker version >/dev/null 2>&1; }

stop() {
    kill "$engine"
    wait "$engine" || true
}

if ! answers; then
    mkdir -p "$folder"
    export DOCKER_HOST="unix://$folder/docker.sock"
fi
if ! answers; then
    dockerd --data-root "$folder/data" --exec-root "$folder/run" --pidfile "$folder/pid" -H "$DOCKER_HOST" >"$folder/log" 2>&1 &
    engine=$!
    trap stop EXIT
    tries=0
    until answers; do
        tries=$((tries + 1))
        if [ $tries -gt 120 ] || ! kill -0 $engine; then
            echo "dockerd does not answer:" >&2
            tail -20 "$folder/log" >&2
            exit 1
        fi
        sleep 0.5
    done
fi
if ! docker image inspect "$image" >/dev/null 2>&1; then
    root=$(mktemp -d)
    debootstrap --variant=minbase --include=python3,python-is-python3 bookworm "$root" >"$root.log" || { tail -20 "$root.log" >&2; exit 1; }
    tar -C "$root" --exclude=./var/cache --exclude=./var/lib/apt/lists -cf - . | docker import - "$image" >/dev/null
    rm -rf --one-file-system "$root" "$root.log"
fi
"$@"
