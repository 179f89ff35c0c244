"""Networks and plans as data: their files, and what a plan costs."""
