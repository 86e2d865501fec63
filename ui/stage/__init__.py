"""For a stage and its visitors: presenter's mode, the idle screen, the tour, the next visitor."""
