"""Files to documents and back."""
