"""Running it: registration, the process tree of `tminus up`, automations, the watchdog."""
