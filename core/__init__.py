"""Reports, storage and settings of Relay Analytics. Imports neither Streamlit nor FastAPI: usable from any process."""
