"""A product file that can't be used shows here, as this file's own import error in the Airflow UI: `file:line:column: field:
what is wrong`. It breaks no DAG, and its product rests until it is mended.
"""

from include.product import products

if broken := products()[1]:
    raise ImportError("Product files that can't be used by the airflow dags:\n" + "\n".join(str(item.error) for item in broken))
