"""Where requests and other series come from, besides logs: Prometheus, pages of OpenMetrics, CSV and Parquet files."""
