"""How the built-in model was made: every step is a script that can be run again."""
