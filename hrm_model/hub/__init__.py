"""The Hugging Face Hub: search, download, push. Neither torch nor Qt."""
