"""What a healthy library must be, one check after another; each can say what is wrong, and mend it if asked."""
