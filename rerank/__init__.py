"""A second look at the top hits: judges, captioners, and how their word is weighed."""
