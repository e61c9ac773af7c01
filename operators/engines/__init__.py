"""What turns a prompt and frames into text: the protocol, retries and gates, and the engines `template` (kind
`measure`: no model), `openai` and `vllm`. Imports analysis, cleaning, prompts and everything below; never a task
folder.
"""
