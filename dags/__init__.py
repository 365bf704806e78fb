"""Airflow wiring only: one file a DAG, a task calls one step.  Nothing heavy is imported when a DAG is parsed."""
