"""Where the rooms and the adapters are put together; nobody but the command line imports it."""
