"""The HTTP API: translate requests into one service call each, and refusals into one shape."""
