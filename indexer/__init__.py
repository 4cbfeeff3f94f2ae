"""From files to rows and vectors: discover, plan, load, embed, write."""
