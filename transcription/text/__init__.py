"""Text: normalisation profiles and error counts."""
