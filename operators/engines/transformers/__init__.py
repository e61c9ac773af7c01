"""The engine `transformers`: vision-language models that vLLM does not serve, inside the actor.

PyTorch and transformers are imported when the engine boots.
"""

from operators.engines.transformers.spec import TransformersEngine

__all__ = ["TransformersEngine"]
