"""Flask AppBuilder's settings for Airflow's FAB auth manager (AIRFLOW__FAB__CONFIG_FILE).

Users and hashes of their passwords lie in Airflow's database; an administrator makes them (docs/running-at-scale.md). OpenID
Connect, LDAP and SAML are other values of AUTH_TYPE: Airflow's page "FAB auth manager authentication" says what each needs.
"""

from flask_appbuilder.const import AUTH_DB

AUTH_TYPE = AUTH_DB
AUTH_USER_REGISTRATION = False  # nobody makes an account for themselves
