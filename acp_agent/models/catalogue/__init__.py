"""What is known of model services and of their models, as data."""
