"""The Library page: the models on this machine and on the Hub, and what is in a checkpoint."""
