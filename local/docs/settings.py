"""Settings: environment variables, Airflow's connections and variables, and where a product's file names connections."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from include.product import SCHEMA
from local.docs.markdown import cell, code, page, table
from local.docs.product import places

_CONNECTION = re.compile(r"(For [^,]+, )?([Tt]he )?Airflow connection")
ROOT = Path(__file__).resolve().parents[2]
# What the code reads from its environment; a test holds it against the code.
ENVIRONMENT = {
    "CLOSED_LOOP_HOME": ("`.loop`", "the folder of everything that is written: ledger, artifacts, secrets, the embedded Airflow, "
                                    "products that run"),
    "CLOSED_LOOP_PRODUCTS": ("`include/products`", "the folders of product files, separated as in PATH"),
    "CLOSED_LOOP_PORT": ("`8080`", "the port of the embedded Airflow, on 127.0.0.1"),
    "CLOSED_LOOP_NIGHT": ("`0 2 * * *`", "when the nightly turn starts, as cron; read where DAG files are"),
    "CLOSED_LOOP_NIGHT_ZONE": ("`UTC`", "the time zone of that, as `Asia/Seoul`"),
    "CLOSED_LOOP_KEEP_DAYS": ("`30`", "how long the embedded Airflow keeps its own runs and logs; the ledger is no part of them"),
    "CLOSED_LOOP_DOCKER_QUEUE": ("none", "with Celery: the queue of the workers that have the Docker engine, and the machine "
                                         "where products run"),
    "CLOSED_LOOP_SHOP_PORT": ("`8091`", "the port of the demo's tea shop"),
    "CLOSED_LOOP_PARCELS_PORT": ("`8092`", "the port of the demo's parcel service"),
}
# Whom secrets and ledgers are known by; those of the settings file come first.
CONNECTIONS = {
    "author_key": "its password is the secret with which authors are hashed",
    "contact_key": "its password is the secret with which handles of customers who agreed to be reached are encrypted",
    "signing_key": "its password is the Ed25519 key, in PEM, that signs releases and evidence",
    "intake_PRODUCT": "its password is the token of that product's intake endpoint; `-` in the name is `_` here",
}
INTRO = """# Settings

`airflow_settings.yaml` (Astro's format) holds connections, variables and pools; `make demo` applies it. Secrets are no settings:
the embedded Airflow makes them at its first start (`CLOSED_LOOP_HOME/secrets.json`, only its owner reads it), elsewhere they are
Airflow connections, for example from a secrets backend or as `AIRFLOW_CONN_AUTHOR_KEY`."""
NAMED = """## Connections that product files name

Their names are yours; a product's file says them at these places."""


def settings_page() -> str:
    """The page."""
    settings = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text(encoding="utf-8"))["airflow"]
    own = [[code(item["conn_id"]), f"the record of the loop: {code(item['conn_type'])} and the file under `CLOSED_LOOP_HOME`, or "
            "`postgres` with host, port, login, password and schema"] for item in settings["connections"]]
    variables = [[code(item["variable_name"]), code(item["variable_value"]),
                  "where evidence, archives and reports lie: a folder under `CLOSED_LOOP_HOME`, or any fsspec URL"]
                 for item in settings["variables"]]
    return page(
        INTRO,
        "## Environment", table(["variable", "default", "says"], ([code(name), *said] for name, said in ENVIRONMENT.items())),
        "## Connections", table(["connection", "holds"], [*own, *([code(name), text] for name, text in CONNECTIONS.items())]),
        NAMED, table(["place", "what it is"], ([code(place), cell(text)] for place, text in _named())),
        "## Variables", table(["variable", "default", "says"], variables))


def _named() -> Iterator[tuple[str, str]]:
    """Every field of a product's file that names an Airflow connection, with what it says of it."""
    schema: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for model, found in places(schema).items():
        for name, field in schema["$defs"][model]["properties"].items():
            text = field.get("description", "")
            if name == "connection" or _CONNECTION.match(text):
                yield f"{found[0]}.{name}", text or schema["$defs"][model].get("description", "")
