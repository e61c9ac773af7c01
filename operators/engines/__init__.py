"""Engines, which turn a prompt and frames into text: the protocol, retries and gates, and the engines `template` (kind
`measure`, without a model), `openai`, `vllm` and `transformers`. May import analysis, cleaning, prompts and everything
below them, but no task folder.
"""
