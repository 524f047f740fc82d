"""The whole site in a real Chromium: pages, uploads, live rows, two people on one row."""
