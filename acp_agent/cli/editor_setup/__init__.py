"""How editors are told to start acp-agent: editors.json is what is known of each, templates/ the text."""
