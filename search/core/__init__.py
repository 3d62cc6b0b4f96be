"""The pure core: events, their fold, the state machine. No I/O, no clock, no global randomness."""
