"""Each headline figure as a script that prints a ratio against a baseline it names, measured in the same run."""
