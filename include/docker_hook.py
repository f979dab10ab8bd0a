"""The Docker engine as Airflow knows it: the docker provider's hook."""

from docker import APIClient
from docker.utils import kwargs_from_env

SOCKET = "unix:///var/run/docker.sock"


def docker(registry: str | None = None) -> APIClient:
    """The engine that DOCKER_HOST names (with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH), else the local one.

    `registry` is the Airflow connection that logs in to an image's registry.
    """
    from airflow.providers.docker.hooks.docker import DockerHook

    where = kwargs_from_env()
    return DockerHook(docker_conn_id=registry, base_url=where.get("base_url") or SOCKET, tls=where.get("tls")).api_client
