"""HTTP, MCP and metrics over `api/`: everything another program needs to ask a library, and no logic of its own."""
