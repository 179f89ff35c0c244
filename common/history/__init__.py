"""A key holder's history of labels and readings, for pages and plots."""
