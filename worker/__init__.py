"""What happens to a job: the Celery worker, its asyncio pool, the pipeline, and delivery."""
