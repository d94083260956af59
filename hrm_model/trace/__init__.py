"""A recorded run as plain arrays, its recorder, and its views in a notebook. Neither torch nor Qt."""
