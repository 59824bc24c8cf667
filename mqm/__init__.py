"""The front door: the command line, a file for each group of commands."""
