#!/bin/sh
# Makes the ledger's database beside Airflow's, when PostgreSQL starts for the first time.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$LEDGER_PASSWORD" <<'SQL'
CREATE ROLE ledger LOGIN PASSWORD :'password';
CREATE DATABASE ledger OWNER ledger;
SQL
