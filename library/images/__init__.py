"""Images: where their bytes lie, how they are decoded safely, and what they say and show."""
