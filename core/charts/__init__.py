"""Charts: plain Altair, for pages, mails and notebooks alike. Functions take a data frame and return a chart."""

from core.charts import theme as theme  # registers the Altair theme
