"""Names and vocabulary ids: dictionaries, MeSH and other vocabularies from files, linking."""
