"""The pages in the browser: a Streamlit app over the Python API."""
