"""The question: as a value, and how it is written as sums and filters."""
