"""The accounts that a person has at model services: kept in a file, logged in to, renewed."""
