"""Engines turn windows of audio into what was heard. Import the one you need: nothing is loaded from here."""
