"""How people decide: the queue of reviewers, what follows of decisions, appeals, reports."""
