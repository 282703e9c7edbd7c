"""The proposer that needs no model: a template says where things stand, and a direction that changes with every try."""

from __future__ import annotations

from procy.evolve.templates import Templates
from procy.tries import Brief, PromptSource, Proposal

LENGTH = 2500  # characters of a prompt; a long goal stays whole and is counted beside that
GOAL = 800
LONGEST_GOAL = 4000


class TemplateProposer:
    """The same brief gives the same prompt."""

    name: PromptSource = "template"

    def __init__(self, templates: Templates) -> None:
        self.templates = templates

    def propose(self, brief: Brief) -> Proposal:
        """Raises ConfigError where the user's own template is wrong."""
        more = max(0, min(len(brief.goal), LONGEST_GOAL) - GOAL)
        return Proposal(self.templates.render_brief("template.jinja", brief, LENGTH + more), self.name)
