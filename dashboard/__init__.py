"""What the pages share: server, sign-in, look, components. Beside Home.py and pages/ the only place with Streamlit."""
