"""Train the two toy Whisper models (`demo-draft`, `demo-refine`) and render the demo audio, from nothing but
a seed.

Run `python -m tools.demo_models --help` from the project root, inside an environment made from
`tools/demo_models/requirements.txt`. The README beside this file holds the recipe and what was measured.
"""
