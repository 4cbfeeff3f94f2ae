"""From words and pictures to ranked answers."""
