"""What is not pure: the journal, locks, the home, and views that read a sweep back."""
