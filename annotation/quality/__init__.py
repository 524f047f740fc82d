"""Reads about how good a project's texts are: the machines', the people's, and what each pass was worth.

Scores are counted by workers (`services.scoring`); here counts are added up, never rates, and every share
comes with the interval it is known to.
"""
