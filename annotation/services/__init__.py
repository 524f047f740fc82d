"""Every write. One function per thing that happens; surfaces call one, and translate its errors."""
