"""Vectors, searched: an index in memory or on disk, and how it is published."""
