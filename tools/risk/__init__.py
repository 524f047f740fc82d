"""Make labelled data and fit the default risk score of `transcription.confidence` on it. Run by hand."""
