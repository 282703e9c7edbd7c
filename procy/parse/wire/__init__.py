"""Dialects of model APIs: ``anthropic-messages``, ``openai-responses``, ``openai-chat`` and ``gemini``. Pure."""
