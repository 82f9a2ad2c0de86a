"""Where a session works: roots, documents, commands. Knows no model, no tool and no protocol."""
