"""Prompts to answers: engines, the answer log, constrained decoding, answers to records."""
