"""Closed Loop on one machine: an embedded Airflow, its settings, and the demo."""
