"""Plan -> texts (Jinja2). The only place where templates become bytes and where secrets are read."""
