"""Pages: server-made HTML that works by links and forms alone, and gets better with the bundle."""
