"""The command line's commands: one thin function each, over the Python API."""
