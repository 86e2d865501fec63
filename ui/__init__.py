"""What the pages share and what needs Streamlit: page set-up, cached loaders, the canvas adapter, the address's parameters."""
