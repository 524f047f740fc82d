"""Where Celery meets the rest: thin tasks, routes, the schedule, and the engine held by each process."""
