"""The report and the map page: what is drawn, in which words and colours, and their files."""
