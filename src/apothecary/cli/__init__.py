"""The command line: words and colours around `apothecary.api`."""
