#!/bin/sh
# The image is built from Dockerfile on a base that this machine makes itself. In containers of it, without any network: it is no
# root, has nothing of this checkout that is not code, starts Airflow, reads every DAG, makes the ledger, and turns the loop once.
#   make image-test
# BASE names another base: Debian with Python and its venv. The one that is made has this machine's own package settings (apt, pip,
# certificates), so that the build asks whom this machine asks; nothing of them comes into the repository.
set -eu
base=${BASE:-closed-loop-image-trixie}
image=closed-loop-image-test

if ! docker image inspect "$base" >/dev/null 2>&1; then
    root=$(mktemp -d -p /var/tmp)
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates trixie "$root" >"$root.log" || { tail -20 "$root.log" >&2; exit 1; }
    cp -a /etc/apt/apt.conf.d "$root/etc/apt/"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    for settings in "$HOME/.config/pip/pip.conf" /etc/pip.conf; do
        if [ -f "$settings" ]; then cp "$settings" "$root/etc/pip.conf"; break; fi
    done
    tar -C "$root" --exclude='./var/cache/apt/archives/*.deb' --exclude='./var/lib/apt/lists/*' -cf - . | docker import - "$base" >/dev/null
    rm -rf --one-file-system "$root" "$root.log"
fi
DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0} docker build --quiet --network host --build-arg "BASE=$base" \
    --build-arg "VERSION=$(git describe --tags --always --dirty)" -t "$image" .

inside() { docker run --rm --init --network none "$image" "$@"; }

[ "$(inside python -c 'import os; print(os.getuid(), os.getgid())')" = "50000 0" ]
inside version
inside sh -c '! ls -a /opt/closed-loop | grep -E "^(\.git|\.env|\.loop|\.venv|tests)$"'  # nothing of this checkout that is not code
inside celery worker --help >/dev/null
inside sh -ec 'airflow db migrate >/tmp/log 2>&1 || { tail /tmp/log; exit 1; }; python -m include.ledger upgrade sqlite:////tmp/ledger.db'
inside python -c '
from airflow.dag_processing.dagbag import DagBag
bag = DagBag("/opt/closed-loop/dags")
assert bag.import_errors == {} and len(bag.dags) > 20, bag.import_errors
print("DAGs that are read:", len(bag.dags))'
inside python -c '
import json, subprocess
from importlib.metadata import distributions
from packaging.utils import canonicalize_name
listed = {(part["name"], part["version"]) for part in json.load(open("/opt/closed-loop/sbom.json"))["components"]}
told = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package} ${Version}\n"], capture_output=True, text=True, check=True).stdout
installed = {tuple(line.split()[1:]) for line in told.splitlines() if line.startswith("ii")}
installed |= {(canonicalize_name(item.name), item.version) for item in distributions()}
assert listed == installed, listed ^ installed
print("packages in the bill of materials, as they are installed:", len(listed))'
inside sh -ec '
python -m local.demo >/tmp/demo || { tail -100 /tmp/demo; exit 1; }
! grep "✘" /tmp/demo
python -m include.ledger.check --artifacts "$CLOSED_LOOP_HOME/artifacts"
python -c "
from sqlalchemy import func, select
from include.ledger.engine import connect, reading
from include.ledger.tables import deployments, outcomes
with reading(connect(\"sqlite:////var/lib/closed-loop/ledger.db\")) as there:
    found = [there.scalar(select(func.count()).select_from(table)) for table in (deployments, outcomes)]
assert all(found), found
print(\"the loop turned: deployments, outcomes:\", *found)"
python -m local.airflow stop; python -m include.deployment.stop --all'
