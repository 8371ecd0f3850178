"""The operations of the command line over HTTP, and as tools of a language model (MCP)."""
