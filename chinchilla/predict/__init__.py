"""Engines that turn prompts into answers: transformers, an OpenAI-compatible endpoint, vLLM."""
