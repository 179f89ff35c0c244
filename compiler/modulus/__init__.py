"""How many bits each prime and scale gets: noise, its effect on the scores, and the error budget."""
