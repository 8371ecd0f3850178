"""Web pages to read what was found, accept it, reject it and correct it."""
