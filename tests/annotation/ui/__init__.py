"""Pages, asked as a browser without scripts would."""
