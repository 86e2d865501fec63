"""Arrays made into plotly figures, all in one theme."""
