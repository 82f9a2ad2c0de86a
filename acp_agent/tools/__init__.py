"""What the model can do: one file per family of tools."""
