#!/bin/sh
# The word is Airflow's, as in its official image: `bash …` and `python …`, which the Helm chart and the KubernetesExecutor say, run
# as they are; all else is a command of `airflow`.
set -eu
case "${1:-}" in
    bash | sh | python | airflow) exec "$@" ;;
    *) exec airflow "$@" ;;
esac
