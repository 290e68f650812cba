"""One module per migration, oldest first; never edited once released."""
