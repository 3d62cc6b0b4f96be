"""Many trials as lanes of one stacked model, in one worker.

`pool` is what a worker holds; `packer` finds each trial a `pack`, which trains its `lane`s in a
`stack` by one of two `engines`; `program`, `recurrence` and `pooling` are their quick layers;
`probe` and `gain` say what packs, and whether it pays.
"""
