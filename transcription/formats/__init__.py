"""Writers of transcript files: plain text, SRT, WebVTT, JSON."""
