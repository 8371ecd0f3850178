"""Names and their vocabulary ids: dictionaries, MeSH and other vocabularies from the user's files, linking."""
