"""Long texts cut into windows, gold given to the windows, answers of windows merged."""
