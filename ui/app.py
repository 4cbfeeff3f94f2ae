"""The script that Streamlit runs for every visit; all of it is in page.py."""

from photoseek.ui.page import show

show()
