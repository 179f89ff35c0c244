"""What every part of Blindsight shares: CKKS, plans, keys, messages, the fleet's state, services, the terminal."""
