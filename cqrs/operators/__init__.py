"""Who may use the console, and what they did. Kept in the main database."""
