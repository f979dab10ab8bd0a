"""Airflow's FAB auth manager, with questions that are bound to people by their user names."""

from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager as AirflowsFabAuthManager
from airflow.providers.fab.auth_manager.models import User


class FabAuthManager(AirflowsFabAuthManager):
    """A product file names who may answer as `airflow users list` names them, whatever auth manager there is. To Airflow's own
    one, a person is a number in one database. Neither can be chosen, or changed, by who bears it.
    """

    def is_authorized_hitl_task(self, *, assigned_users: set[str], user: User) -> bool:
        """Whether `user` is one of those whom a question is for; `assigned_users`: their names."""
        return user.get_name() in assigned_users  # what an answer is recorded by
