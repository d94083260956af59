"""What an export contains: views, steps, formats; and tables of numbers."""
