"""The configuration: every setting with its type and role, how YAML is read, and what may be built from a config."""
