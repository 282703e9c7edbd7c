"""How good the strategies are where the best there is is known: landscapes with a hidden optimum, and a scripted agent."""
