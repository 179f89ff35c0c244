"""What sites share: what came of each device and burst, lists in parts, plans, pictures, dead letters."""
