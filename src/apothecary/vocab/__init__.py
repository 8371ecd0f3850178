"""Names and their vocabulary ids: dictionaries, MeSH and other files of the user, linking."""
