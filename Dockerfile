# Closed Loop for real use: Airflow and the loop's code, not as root. `docker build .`; another base with
# --build-arg BASE=...: any Debian image with Python 3.11.4 or newer.
ARG BASE=python:3.12-slim-bookworm
FROM ${BASE}

ARG PYTHON=python3
ENV AIRFLOW_HOME=/var/lib/closed-loop/airflow \
    CLOSED_LOOP_HOME=/var/lib/closed-loop \
    PYTHONPATH=/opt/closed-loop \
    PATH=/opt/venv/bin:$PATH \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/closed-loop/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/closed-loop/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False \
    AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY=30

WORKDIR /opt/closed-loop
COPY packages.txt requirements-scale.lock ./
RUN apt-get update -qq \
    && xargs -a packages.txt apt-get install -y -qq --no-install-recommends \
    && rm -rf /var/lib/apt/lists/*
RUN ${PYTHON} -m venv /opt/venv \
    && python -m pip install --no-cache-dir --no-compile --no-deps --require-hashes -r requirements-scale.lock \
    && python -m compileall -q -j 0 /opt/venv/lib
COPY . .
ARG VERSION=""
RUN python -m compileall -q include dags plugins \
    && python -m local.sbom sbom.json --installed --version "$VERSION" \
    && useradd --uid 50000 --gid 0 --create-home --home-dir /var/lib/closed-loop --shell /usr/sbin/nologin closed-loop \
    && mkdir -p "$AIRFLOW_HOME" && chown -R 50000:0 /var/lib/closed-loop

USER closed-loop
EXPOSE 8080
# The services of Airflow: api-server, scheduler, dag-processor, triggerer, or the command of a Celery worker. User and group are
# those that Airflow's Helm chart takes for granted.
ENTRYPOINT ["sh", "/opt/closed-loop/deploy/entrypoint.sh"]
CMD ["api-server"]
