"""The pages: a Datasette with procy's own plugins, in a process of its own. Nothing else in procy imports Datasette."""
