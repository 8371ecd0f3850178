"""Generation: free text as an answer."""
