"""The help page: walkthroughs from `help.md`, and the table of keys."""
