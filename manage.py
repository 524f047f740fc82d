#!/usr/bin/env python3
"""Run a management command of Earmark: `manage.py help` lists them, `manage.py doctor` finds what lacks."""

import sys

from config.commandline import main

if __name__ == "__main__":
    sys.exit(main(sys.argv))
