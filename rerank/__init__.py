"""Reranking the top hits: judges, captioners, and how their word is weighed."""
