"""What confines commands: bubblewrap, and Landlock where that is missing."""
