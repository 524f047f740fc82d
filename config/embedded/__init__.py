"""PostgreSQL, Redis and FFmpeg from wheels, private to one home, for whoever configured none."""
