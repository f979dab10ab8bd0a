"""Waking the loop from outside of a task: the one module that knows Airflow's insides (the API server's asset manager)."""


def wake(asset: str, key: str) -> bool:
    """Publish `key` on the asset of that name, as Airflow's own `POST /assets/events` does. False where no DAG has it (yet)."""
    from airflow.assets.manager import asset_manager
    from airflow.models.asset import AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        model = session.scalar(select(AssetModel).where(AssetModel.name == asset))
        if model is None:
            return False
        event = asset_manager.register_asset_change(asset=model, partition_key=key, source_is_api=True, api_user_teams=set(),
                                                    session=session)
        return event is not None
