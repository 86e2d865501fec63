"""The screens' own code, which needs Streamlit: what pages share, and a folder for each page."""
