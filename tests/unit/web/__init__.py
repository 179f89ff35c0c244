"""The site in a browser: who gets in, what they are answered, and what they may not see."""
